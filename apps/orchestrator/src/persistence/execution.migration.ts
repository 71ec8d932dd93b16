import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Hot columns come first and close together and no index covers them, so that an update stays on
 * its page and writes little WAL. Statuses of instances are small numbers (see instance.row.ts).
 */
export class Executions1763700000000 implements MigrationInterface {
  readonly name = 'Executions1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}

const STATEMENTS = [
  `CREATE TABLE executions (
     id uuid PRIMARY KEY,
     shard smallint NOT NULL,
     active boolean NOT NULL,
     revision bigint NOT NULL,
     sequence bigint NOT NULL,
     last_progress_at bigint NOT NULL,
     counters int[] NOT NULL,
     failed_once int NOT NULL,
     room_others_down int,
     room_counted_at bigint,
     batch_number int,
     batch_size int,
     next_batch_at bigint,
     status text NOT NULL,
     detail jsonb NOT NULL,
     tenant_id text NOT NULL,
     component_id uuid NOT NULL,
     created_at bigint NOT NULL
   ) WITH (fillfactor = 40)`,
  `CREATE UNIQUE INDEX executions_one_active
     ON executions (tenant_id, component_id) WHERE active`,
  `CREATE INDEX executions_active_in_shard ON executions (shard) WHERE active`,
  `CREATE INDEX executions_by_tenant ON executions (tenant_id, created_at DESC, id DESC)`,
  `CREATE INDEX executions_by_component ON executions (component_id, created_at DESC)`,
  `CREATE TABLE execution_briefs (
     id uuid PRIMARY KEY,
     plan jsonb NOT NULL,
     brief jsonb NOT NULL
   )`,
  `CREATE TABLE execution_instances (
     execution_id uuid NOT NULL,
     index int NOT NULL,
     status smallint NOT NULL,
     attempt smallint NOT NULL,
     moved_at bigint NOT NULL,
     failure smallint,
     instance_id text NOT NULL,
     from_version text,
     PRIMARY KEY (execution_id, index)
   ) WITH (fillfactor = 50)`,
  `CREATE TABLE execution_facts (
     execution_id uuid NOT NULL,
     sequence bigint NOT NULL,
     count int NOT NULL,
     at timestamptz NOT NULL,
     instances int4multirange,
     body jsonb NOT NULL,
     PRIMARY KEY (execution_id, sequence, at)
   ) PARTITION BY RANGE (at)`,
  `CREATE TABLE execution_actions (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     execution_id uuid NOT NULL,
     action text NOT NULL,
     claimed_by text NOT NULL,
     reason text,
     force boolean NOT NULL,
     revision bigint NOT NULL,
     at bigint NOT NULL
   )`,
  `CREATE INDEX execution_actions_by_execution ON execution_actions (execution_id, id)`,
  // Facts lie in partitions of a week, made ahead, so that old ones go by dropping a table.
  `CREATE FUNCTION ensure_fact_partitions(from_time timestamptz, weeks int) RETURNS void
   LANGUAGE plpgsql AS $$
   DECLARE
     week timestamptz := date_trunc('week', from_time, 'UTC');
   BEGIN
     -- Replicas that start together would make the same partition at once.
     PERFORM pg_advisory_xact_lock(hashtext('execution_facts'));
     FOR n IN 0..weeks LOOP
       EXECUTE format(
         'CREATE TABLE IF NOT EXISTS execution_facts_%s PARTITION OF execution_facts
            FOR VALUES FROM (%L) TO (%L)',
         to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD'), week, week + interval '7 days');
       week := week + interval '7 days';
     END LOOP;
   END $$`,
  // A partition goes when its whole week lies before the time that is kept.
  `CREATE FUNCTION drop_fact_partitions(kept_from timestamptz) RETURNS void
   LANGUAGE plpgsql AS $$
   DECLARE
     partition regclass;
   BEGIN
     FOR partition IN
       SELECT inhrelid::regclass FROM pg_inherits
       WHERE inhparent = 'execution_facts'::regclass
         AND right(inhrelid::regclass::text, 8)
             <= to_char((kept_from - interval '7 days') AT TIME ZONE 'UTC', 'YYYYMMDD')
     LOOP
       EXECUTE format('DROP TABLE %s', partition);
     END LOOP;
   END $$`,
];
