import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * One narrow row for each execution that has ended, so that counting them reads neither documents
 * nor rows that are still written; and what lists are filtered by, as columns.
 */
export class Statistics1763800000000 implements MigrationInterface {
  readonly name = 'Statistics1763800000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}

const STATEMENTS = [
  // Last in the row and never changed: an update's log does not repeat them. Until now there was
  // nothing but ROLLING upgrades, which the defaults say of the rows that are there.
  `ALTER TABLE executions
     ADD COLUMN kind text NOT NULL DEFAULT 'UPGRADE',
     ADD COLUMN strategy text NOT NULL DEFAULT 'ROLLING'`,
  `CREATE INDEX executions_newest ON executions (created_at DESC, id DESC)`,
  `CREATE INDEX executions_active_newest
     ON executions (created_at DESC, id DESC) WHERE active`,
  `CREATE INDEX executions_active_of_component
     ON executions (component_id, created_at DESC, id DESC) WHERE active`,
  `CREATE TABLE execution_outcomes (
     id uuid PRIMARY KEY,
     component_id uuid NOT NULL,
     tenant_id text NOT NULL,
     created_at bigint NOT NULL,
     duration_ms bigint,
     status text NOT NULL,
     kind text NOT NULL,
     strategy text NOT NULL,
     to_version text NOT NULL,
     failure_cause text
   )`,
  `CREATE INDEX execution_outcomes_of_component
     ON execution_outcomes (component_id, created_at DESC)`,
  `CREATE INDEX execution_outcomes_of_tenant
     ON execution_outcomes (component_id, tenant_id, created_at DESC)`,
  `INSERT INTO execution_outcomes
   SELECT e.id, e.component_id, e.tenant_id, e.created_at,
          (e.detail->>'completedAtMs')::bigint - (e.detail->>'startedAtMs')::bigint,
          e.status, e.kind, e.strategy, b.plan->'to'->>'version',
          CASE WHEN e.status IN ('FAILED', 'ROLLED_BACK') THEN 'OTHER' END
   FROM executions e JOIN execution_briefs b ON b.id = e.id WHERE NOT e.active`,
];
