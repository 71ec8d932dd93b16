/**
 * What `--fix` does. Safe by two rules: no replica lives, so nobody works meanwhile; and each repair
 * only raises a number that is compared (epoch, hand-over, sequence), or tells again, with the ids
 * they have, events that were committed. No status, no instance and no version is written: those
 * change by the rows of the table alone, when the services run again.
 */
import { randomUUID } from 'node:crypto';
import { applyEffects, note, set } from '#core/execution/effects.js';
import { isTerminal } from '#core/execution/execution.js';
import { createDataSource } from '#postgres/data-source.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { DeploymentRows } from '../../apps/orchestrator/src/persistence/deployment.pg.store.js';
import { PgExecutionStore } from '../../apps/orchestrator/src/persistence/execution.pg.store.js';
import { openReadOnly, readMigrations } from './database-reading.js';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Repair } from './finding.js';
import { SCHEMA_PROBLEMS, schemaProblem, SCHEMAS } from './schemas.js';
import { SERVICE_NAMES } from './seen.js';

const ACTOR = 'doctor';

type Of<Kind extends Repair['kind']> = Extract<Repair, { kind: Kind }>;

/**
 * Nothing was changed: somebody works on these rows, and a repair would race with what it decides; or
 * the rows are not those that this code knows.
 */
export class RepairRefusedError extends Error {
  override readonly name = 'RepairRefusedError';
}

/**
 * Carries out the repairs in their order, each in a transaction of its own: what was done is said
 * by `say`, and a second run finds it done. Throws RepairRefusedError before anything is changed, also
 * where there is nothing to repair: who returns has seen all services stopped.
 */
export async function repair(
  databaseUrl: string,
  repairs: readonly Repair[],
  say: (line: string) => void,
): Promise<void> {
  await refuseWithoutSchemas(databaseUrl);
  const { schema } = SCHEMAS.orchestrator;
  const dataSource = createDataSource({ url: databaseUrl, schema, poolSize: 2 });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, `${ACTOR}/${randomUUID()}`);
  try {
    await refuseWhileServicesRun(database);
    if (repairs.length === 0) return;
    const store = new PgExecutionStore(database);
    // By the clock that deadlines are judged by: this machine's may be off.
    const nowMs = Math.floor(await database.nowMs());
    // A backup of last month has no place for what is noted now.
    await store.makeRoomForFacts(nowMs);
    for (const one of repairs) say(await carriedOut(one, database, store, nowMs));
  } finally {
    await database.close();
  }
}

async function refuseWithoutSchemas(databaseUrl: string): Promise<void> {
  const pool = openReadOnly(databaseUrl);
  try {
    const applied = await readMigrations(pool);
    for (const name of SERVICE_NAMES) {
      const problem = schemaProblem(name, applied);
      if (problem === null) continue;
      throw new RepairRefusedError(`${name}: ${SCHEMA_PROBLEMS[problem]}; nothing was changed`);
    }
  } finally {
    await pool.end();
  }
}

async function refuseWhileServicesRun(database: PgServiceDatabase): Promise<void> {
  for (const name of SERVICE_NAMES) {
    const { schema } = SCHEMAS[name];
    const [live] = await database.statement<{ replicas: number }>(
      '',
      `SELECT count(*)::int AS replicas FROM ${schema}.service_replicas
       WHERE until > clock_timestamp()`,
      [],
    );
    if ((live?.replicas ?? 0) > 0) {
      throw new RepairRefusedError(
        `${name} runs: stop all four services first, nothing was changed`,
      );
    }
  }
}

function carriedOut(
  one: Repair,
  database: PgServiceDatabase,
  store: PgExecutionStore,
  nowMs: number,
): Promise<string> {
  switch (one.kind) {
    case 'RAISE_EPOCHS':
      return raiseEpochs(one, database);
    case 'RAISE_HAND_OVER':
      return raiseHandOver(one, database);
    case 'GO_ON_BEHIND':
      return goOnBehind(one, store, nowMs);
    case 'TELL_AGAIN':
      return tellAgain(one, database, store);
  }
}

/** Whoever takes a shard from here on is above every owner there ever was. */
async function raiseEpochs(
  { above }: Of<'RAISE_EPOCHS'>,
  database: PgServiceDatabase,
): Promise<string> {
  for (const name of SERVICE_NAMES) {
    await database.statement(
      '',
      `UPDATE ${SCHEMAS[name].schema}.shard_leases
       SET epoch = greatest(epoch, $1::int) + $2::int, owner = NULL, until = NULL`,
      [above, DOCTOR_LIMITS.epochLeap],
    );
  }
  return `epochs of all shards raised by ${String(DOCTOR_LIMITS.epochLeap)} beyond the highest known`;
}

/** The next execution of the deployment begins above what its target has seen. */
async function raiseHandOver(
  { tenantId, componentId, handOver }: Of<'RAISE_HAND_OVER'>,
  database: PgServiceDatabase,
): Promise<string> {
  await database.transaction((tx) =>
    new DeploymentRows(tx).keepHandOver({ tenantId, componentId, handOver }),
  );
  return `deployment ${tenantId}/${componentId}: the next hand-over is above ${String(handOver)}`;
}

/**
 * The execution goes on behind what was told of it, as after a hand-over to itself: its next event
 * comes after the last told one and says so, and its next operation is above the target's fence.
 */
async function goOnBehind(
  { executionId, sequence, handOver }: Of<'GO_ON_BEHIND'>,
  store: PgExecutionStore,
  nowMs: number,
): Promise<string> {
  const about = `execution ${executionId}`;
  return store.transaction(async (tx) => {
    const before = (await tx.lock([executionId], 'wait')).get(executionId)?.execution;
    if (before === undefined || isTerminal(before.status)) return `${about}: nothing to raise`;
    if (before.sequence >= sequence && before.handOver >= handOver) {
      return `${about}: raised already`;
    }
    const told = Math.max(before.sequence, sequence);
    const why =
      told > before.sequence
        ? `the database was restored: events ${String(before.sequence + 1)} to ${String(told)} stand on the topic alone`
        : 'the database was restored: it goes on under a new fence';
    // Above, and not level with it: what the life that is gone still sends is then of an older one.
    const fence = handOver > before.handOver ? handOver + 1 : before.handOver;
    const fields = { handOver: fence, lastProgressAtMs: nowMs };
    const { next, facts } = applyEffects(
      { ...before, sequence: told },
      [set(fields), note('RESTORED', why, { by: ACTOR })],
      { revision: before.revision + 1, nowMs },
    );
    await tx.save([{ before, next, facts }]);
    return `${about}: goes on with event ${String(told + 1)} and hand-over ${String(next.handOver)}`;
  });
}

/**
 * Points the outbox at facts again; the relay sends them with the ids they have had. Pointers that
 * wait already go once the new ones stand behind them: else what is later would be told first.
 */
async function tellAgain(
  { executionId, afterSequence }: Of<'TELL_AGAIN'>,
  database: PgServiceDatabase,
  store: PgExecutionStore,
): Promise<string> {
  const shard = shardOf(executionId, SHARDS);
  const waiting = await database.statement<{ id: string }>(
    '',
    'SELECT id FROM outbox WHERE subject = $1',
    [executionId],
  );
  let after = afterSequence;
  let facts = 0;
  for (;;) {
    const rows = await database.statement<{ sequence: string; last: string }>(
      '',
      `SELECT sequence, sequence + count - 1 AS last FROM execution_facts
       WHERE execution_id = $1 AND sequence + count - 1 > $2 ORDER BY sequence LIMIT $3`,
      [executionId, after, DOCTOR_LIMITS.rowsPerPage],
    );
    if (rows.length === 0) break;
    const pointers = rows.map(({ sequence }) => {
      return { shard, subject: executionId, position: Number(sequence) };
    });
    await store.transaction(async (tx) => {
      await tx.lock([executionId], 'wait');
      await tx.point(pointers);
    });
    facts += rows.length;
    after = Number(rows.at(-1)?.last);
  }
  await database.dropOutbox(waiting.map(({ id }) => id));
  return `execution ${executionId}: ${String(facts)} facts after event ${String(afterSequence)} will be told again`;
}
