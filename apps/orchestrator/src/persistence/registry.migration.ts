import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The registry: few rows, seldom written, so plain columns and as many indexes as lists need. */
export class Registry1763600000000 implements MigrationInterface {
  readonly name = 'Registry1763600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}

const STATEMENTS = [
  `CREATE TABLE components (
     id uuid PRIMARY KEY,
     name text NOT NULL CONSTRAINT components_name UNIQUE,
     display_name text NOT NULL,
     kind text NOT NULL,
     stateless boolean NOT NULL,
     description text,
     created_at timestamptz NOT NULL,
     updated_at timestamptz NOT NULL
   )`,
  `CREATE INDEX components_newest ON components (created_at DESC, id DESC)`,
  `CREATE TABLE versions (
     id uuid PRIMARY KEY,
     component_id uuid NOT NULL REFERENCES components (id),
     version text NOT NULL,
     status text NOT NULL,
     release_date date,
     artifacts jsonb NOT NULL,
     min_platform_version text,
     max_platform_version text,
     requires jsonb NOT NULL,
     smoke_tests jsonb NOT NULL,
     canary_metrics jsonb NOT NULL,
     drain_timeout_seconds int NOT NULL,
     lts boolean NOT NULL,
     recommended boolean NOT NULL,
     created_at timestamptz NOT NULL,
     updated_at timestamptz NOT NULL
   )`,
  // Build metadata never decides which version it is: 1.0.0+a and 1.0.0+b are the same to all rules.
  `CREATE UNIQUE INDEX versions_of_component
     ON versions (component_id, split_part(version, '+', 1))`,
  `CREATE INDEX versions_newest ON versions (component_id, created_at DESC, id DESC)`,
  `CREATE TABLE upgrade_paths (
     id uuid PRIMARY KEY,
     component_id uuid NOT NULL REFERENCES components (id),
     from_version_id uuid NOT NULL REFERENCES versions (id),
     to_version_id uuid NOT NULL REFERENCES versions (id),
     requires_downtime boolean NOT NULL,
     estimated_duration_minutes int,
     tested boolean NOT NULL,
     steps_before text,
     steps_during text,
     steps_after text,
     steps_back text,
     created_at timestamptz NOT NULL,
     updated_at timestamptz NOT NULL,
     CONSTRAINT upgrade_paths_pair UNIQUE (from_version_id, to_version_id)
   )`,
  `CREATE INDEX upgrade_paths_newest ON upgrade_paths (created_at DESC, id DESC)`,
  `CREATE INDEX upgrade_paths_of_component
     ON upgrade_paths (component_id, created_at DESC, id DESC)`,
  // Executions write here too (observed versions, hand-overs), so nothing points away from it.
  `CREATE TABLE deployments (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     tenant_id text NOT NULL,
     component_id uuid NOT NULL,
     target jsonb,
     current_version_id uuid,
     observed_versions jsonb NOT NULL DEFAULT '{}',
     platform_version text,
     standby_set jsonb,
     hand_over bigint NOT NULL DEFAULT 0,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, component_id)
   )`,
  // One row a key: what was asked, and, once answered, the answer that is given again.
  `CREATE TABLE idempotency_keys (
     tenant_id text NOT NULL,
     route text NOT NULL,
     key text NOT NULL,
     fingerprint text NOT NULL,
     token uuid NOT NULL,
     subject uuid NOT NULL,
     lease_until timestamptz NOT NULL,
     expires_at timestamptz NOT NULL,
     answer jsonb,
     PRIMARY KEY (tenant_id, route, key)
   )`,
  `CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at)`,
];
