import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How long batches took by themselves: of what ended before, and of what runs now, nobody knows. */
export class BatchWork1763900000000 implements MigrationInterface {
  readonly name = 'BatchWork1763900000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}

const STATEMENTS = [
  `ALTER TABLE execution_outcomes ADD COLUMN batch_work_ms bigint`,
  `UPDATE executions SET detail = detail || '{"batchWorkMs": null}'`,
  `UPDATE executions SET detail = detail || '{"workSinceMs": null}' WHERE detail ? 'roomWanted'`,
];
