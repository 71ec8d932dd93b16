import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import {
  KEEPALIVE_IDLE_MS,
  LISTEN_RETRY_FIRST_MS,
  LISTEN_RETRY_LAST_MS,
} from './postgres-limits.js';

/**
 * Listens on one channel over a connection of its own, which comes back by itself. Notifications
 * sent while it was away are gone: it says so with an empty list when it is back.
 */
export class ToldListener {
  private readonly ended = new AbortController();
  private client: pg.Client | null = null;

  constructor(
    private readonly connection: pg.ClientConfig,
    private readonly channel: string,
    private readonly onTold: (subjects: string[]) => void,
  ) {}

  /** Resolves after the first attempt; when that failed, further ones go on by themselves. */
  async start(): Promise<void> {
    try {
      await this.connect();
    } catch {
      void this.comeBack();
    }
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      ...this.connection,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    });
    this.client = client;
    // Every way of losing it ends here; an 'error' without a listener would end the process.
    client.on('error', () => undefined);
    client.on('notification', ({ payload }) => {
      if (payload !== undefined && payload !== '') this.onTold(payload.split(','));
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(this.channel)}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    client.once('end', () => void this.comeBack());
  }

  private async comeBack(): Promise<void> {
    let waitMs = LISTEN_RETRY_FIRST_MS;
    while (!this.ended.signal.aborted) {
      try {
        await pause(waitMs, undefined, { signal: this.ended.signal, ref: false });
        await this.connect();
        this.onTold([]);
        return;
      } catch {
        waitMs = Math.min(2 * waitMs, LISTEN_RETRY_LAST_MS);
      }
    }
    await this.client?.end().catch(() => undefined);
  }
}
