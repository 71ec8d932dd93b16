import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SHARDS } from './shard-of.js';

/**
 * The tables every service has in its schema. Forward only: a mistake is mended by a next one.
 *
 * Log written per commit is a goal of its own, so an index stands here only when a statement of the
 * hot path, or a bounded clean-up, cannot do without it.
 */
export class Plumbing1700000000000 implements MigrationInterface {
  readonly name = 'Plumbing1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

// Rows of the outbox and of due work live for moments. Without their own thresholds the vacuum
// would come when a fifth of a table that is empty most of the time is dead: much too late.
const SHORT_LIVED = `
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0`;

const STATEMENTS = [
  `CREATE TABLE inbox (
    key text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
  )`,
  // For the purge alone: without it every purge would read what is kept.
  `CREATE INDEX inbox_seen_at ON inbox (seen_at)`,

  // Either a finished message (topic, message_key, headers, value) or a pointer (subject, position).
  // The widths come first to last so that a pointer has no padding in between.
  `CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint,
    subject uuid,
    shard smallint NOT NULL,
    topic text,
    message_key text,
    headers json,
    value text,
    CONSTRAINT message_or_pointer CHECK (
      (topic IS NULL) = (value IS NULL) AND (topic IS NULL) = (message_key IS NULL) AND
      (subject IS NULL) = (position IS NULL) AND (topic IS NULL) <> (subject IS NULL))
  ) WITH (${SHORT_LIVED})`,

  `CREATE TABLE due_work (
    subject uuid NOT NULL,
    kind text NOT NULL,
    shard smallint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (subject, kind)
  ) WITH (${SHORT_LIVED})`,
  `CREATE INDEX due_work_due ON due_work (shard, at)`,

  // Renewed twice a second in place: room for many versions of each row on its own page.
  `CREATE TABLE shard_leases (
    shard smallint PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 0,
    owner text,
    until timestamptz,
    CONSTRAINT owned_or_free CHECK ((owner IS NULL) = (until IS NULL))
  ) WITH (fillfactor = 20)`,
  `INSERT INTO shard_leases (shard) SELECT generate_series(0, ${String(SHARDS - 1)})`,

  `CREATE TABLE service_replicas (
    owner text PRIMARY KEY,
    until timestamptz NOT NULL
  ) WITH (fillfactor = 20)`,
];
