/** Kafka and Postgres as the nemesis sees them: processes that can be stopped, killed and frozen. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isBrokerReady } from '../../tools/stack/kafka.js';
import { isDatabaseReady } from '../../tools/stack/postgres.js';
import { identify, signal, waitForEnd, type ProcessIdentity } from '../../tools/stack/processes.js';
import type { Stack } from '../../tools/stack/stack.js';

const END_LIMIT_MS = 10_000;
const LATE_LIMIT_MS = 180_000;

export type Server = 'kafka' | 'postgres';

export class Servers {
  #frozen: ProcessIdentity[] = [];

  constructor(private readonly stack: Stack) {}

  stop(server: Server): Promise<void> {
    return this.stack[server].stop();
  }

  kill(server: Server): Promise<void> {
    return this.stack[server].kill();
  }

  /** Whatever was done to it. */
  async start(server: Server): Promise<void> {
    this.thaw();
    try {
      await this.stack[server].start();
    } catch (error) {
      // On a machine that has much else to do it may come later than the stack waits for it.
      if (!(await this.#comesLate(server))) throw error;
    }
  }

  async #comesLate(server: Server): Promise<boolean> {
    const endMs = performance.now() + LATE_LIMIT_MS;
    const { kafkaBrokers, databaseUrl } = this.stack;
    while (performance.now() < endMs) {
      const isKafka = server === 'kafka';
      if (await (isKafka ? isBrokerReady(kafkaBrokers) : isDatabaseReady(databaseUrl))) return true;
      await sleep(500);
    }
    return false;
  }

  /** `pg_ctl stop -m immediate`: no checkpoint, and every session is gone. */
  async stopAtOnce(): Promise<void> {
    const postgres = this.stack.postgres.process();
    if (postgres === undefined) return;
    signal(postgres, 'SIGQUIT');
    await waitForEnd(postgres, END_LIMIT_MS);
  }

  /** It holds its connections and says nothing until `thaw`. */
  async freeze(server: Server): Promise<void> {
    const main = this.stack[server].process();
    if (main === undefined) return;
    const others = server === 'postgres' ? await this.#backends() : [];
    // First the one that makes others.
    this.#frozen = [main, ...others];
    for (const each of this.#frozen) signal(each, 'SIGSTOP');
  }

  thaw(): void {
    for (const each of this.#frozen.splice(0)) signal(each, 'SIGCONT');
  }

  /** Ends the sessions of some services, drawn one by one. */
  async terminateSome(share: number, next: () => number): Promise<number> {
    return this.#ask(async (client) => {
      const { rows } = await client.query<{ pid: number }>(SERVICES);
      const pids = rows.map(({ pid }) => pid).filter(() => next() < share);
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
      return pids.length;
    });
  }

  #backends(): Promise<ProcessIdentity[]> {
    return this.#ask(async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY pid',
      );
      return rows.flatMap(({ pid }) => identify(pid) ?? []);
    });
  }

  async #ask<Result>(ask: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const client = new pg.Client({
      ...{ connectionString: this.stack.databaseUrl, application_name: 'nemesis' },
      connectionTimeoutMillis: 2_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await ask(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** Everybody's but those that watch from outside. */
const SERVICES = `SELECT pid FROM pg_stat_activity
  WHERE application_name NOT IN ('nemesis', '') AND backend_type = 'client backend' ORDER BY pid`;
