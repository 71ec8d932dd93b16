import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The rollback agent's own tables. Forward only: a mistake is mended by a next one. */
export class Rollbacks1700000002000 implements MigrationInterface {
  readonly name = 'Rollbacks1700000002000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

const STATEMENTS = [
  // `work` and `asked` are read and written whole; what is looked for stands beside them.
  `CREATE TABLE rollbacks (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    shard smallint NOT NULL,
    active boolean NOT NULL,
    work json NOT NULL,
    asked json NOT NULL,
    touched_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, hand_over)
  )`,
  `CREATE INDEX rollbacks_active ON rollbacks (shard) WHERE active`,
  `CREATE INDEX rollbacks_touched ON rollbacks (touched_at)`,
  `CREATE TABLE rollback_instances (
    execution_id uuid NOT NULL,
    hand_over integer NOT NULL,
    index integer NOT NULL,
    attempt smallint NOT NULL DEFAULT 0,
    settled_no integer,
    since bigint NOT NULL,
    status text NOT NULL,
    instance_id text NOT NULL,
    version text NOT NULL,
    reason text,
    PRIMARY KEY (execution_id, hand_over, index),
    FOREIGN KEY (execution_id, hand_over) REFERENCES rollbacks ON DELETE CASCADE
  )`,
  // The next by index in a status, in a million rows, for every batch.
  `CREATE INDEX rollback_instances_next
    ON rollback_instances (execution_id, hand_over, status, index)`,
  `CREATE INDEX rollback_instances_settled
    ON rollback_instances (execution_id, hand_over, settled_no) WHERE settled_no IS NOT NULL`,
];
