import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The validator's own tables. Forward only: a mistake is mended by a next one. */
export class Validations1700000001000 implements MigrationInterface {
  readonly name = 'Validations1700000001000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

const STATEMENTS = [
  `CREATE TABLE validations (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    kind text NOT NULL,
    shard smallint NOT NULL,
    state text NOT NULL,
    command_id text NOT NULL,
    pages integer NOT NULL,
    pages_stored integer[] NOT NULL,
    said integer NOT NULL,
    last_said_at bigint NOT NULL,
    checks jsonb NOT NULL,
    asked jsonb NOT NULL,
    touched_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, hand_over, kind)
  )`,
  // What an owner looks for five times a second: only the few that run.
  `CREATE INDEX validations_running ON validations (shard) WHERE state = 'RUNNING'`,
  `CREATE INDEX validations_touched ON validations (touched_at)`,
  `CREATE TABLE validation_pages (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    kind text NOT NULL,
    page integer NOT NULL,
    instances jsonb NOT NULL,
    PRIMARY KEY (execution_id, hand_over, kind, page),
    FOREIGN KEY (execution_id, hand_over, kind) REFERENCES validations ON DELETE CASCADE
  )`,
];

/** How long the checks had run when the validation last spoke: their deadlines outlive an owner. */
export class ValidationRunTime1700000001001 implements MigrationInterface {
  readonly name = 'ValidationRunTime1700000001001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE validations ADD COLUMN ran_ms bigint NOT NULL DEFAULT 0');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

/** In their order. */
export const VALIDATION_MIGRATIONS = [Validations1700000001000, ValidationRunTime1700000001001];
