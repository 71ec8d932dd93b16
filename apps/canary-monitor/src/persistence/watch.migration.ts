import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The canary monitor's own tables. Forward only: a mistake is mended by a next one. */
export class Watches1700000003000 implements MigrationInterface {
  readonly name = 'Watches1700000003000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

const STATEMENTS = [
  // A watch of a week has taken twenty thousand samples: the latest stand in `samples`, of all
  // others the totals and what the verdict needs.
  `CREATE TABLE watches (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    shard smallint NOT NULL,
    state text NOT NULL,
    command_id text NOT NULL,
    pages integer NOT NULL,
    pages_stored integer[] NOT NULL,
    began_at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    interval_ms integer NOT NULL,
    asked_at bigint NOT NULL,
    last_number integer NOT NULL,
    totals jsonb NOT NULL,
    streak jsonb,
    verdict text,
    reason text NOT NULL,
    duration_over boolean NOT NULL,
    samples jsonb NOT NULL,
    untold integer NOT NULL,
    said integer NOT NULL,
    last_said_at bigint NOT NULL,
    asked jsonb NOT NULL,
    touched_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, hand_over)
  )`,
  // What an owner looks for five times a second: only the few that run.
  `CREATE INDEX watches_running ON watches (shard) WHERE state = 'RUNNING'`,
  `CREATE INDEX watches_touched ON watches (touched_at)`,
  `CREATE TABLE watch_pages (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    page integer NOT NULL,
    canaries jsonb NOT NULL,
    PRIMARY KEY (execution_id, hand_over, page),
    FOREIGN KEY (execution_id, hand_over) REFERENCES watches ON DELETE CASCADE
  )`,
];
