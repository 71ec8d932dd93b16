/** The statements of the hot path: set-based, guarded, prepared once per connection. */

export const LOCK = `
  SELECT id, shard, revision, sequence, last_progress_at, counters, failed_once,
         room_others_down, room_counted_at, batch_number, batch_size, next_batch_at,
         status, detail, tenant_id, component_id, created_at
  FROM executions`;

/** One record per execution; guarded by the revision it was locked with. */
export const UPDATE_EXECUTIONS = `
  UPDATE executions e SET
    active = m.active, revision = m.revision, sequence = m.sequence,
    last_progress_at = m.last_progress_at, counters = m.counters, failed_once = m.failed_once,
    room_others_down = m.room_others_down, room_counted_at = m.room_counted_at,
    batch_number = m.batch_number, batch_size = m.batch_size, next_batch_at = m.next_batch_at,
    status = m.status, detail = COALESCE(m.detail, e.detail)
  FROM jsonb_to_recordset($1::jsonb) AS m(
    id uuid, before bigint, active boolean, revision bigint, sequence bigint,
    last_progress_at bigint, counters int[], failed_once int, room_others_down int,
    room_counted_at bigint, batch_number int, batch_size int, next_batch_at bigint,
    status text, detail jsonb)
  WHERE e.id = m.id AND e.revision = m.before
  RETURNING e.id`;

/**
 * Moves named instances that stand where the decision takes them to stand. One record per group of
 * a wave; answers how many of each group moved, and their ids where the engine does not have them.
 */
export const MOVE_NAMED = `
  WITH moved AS (
    UPDATE execution_instances i SET
      status = g.to_status, attempt = COALESCE(g.attempt, i.attempt), moved_at = g.moved_at,
      failure = g.failure
    FROM unnest($1::int[], $2::uuid[], $3::int4multirange[], $4::smallint[], $5::smallint[],
                $6::smallint[], $7::smallint[], $8::smallint[], $9::bigint[])
           AS g(n, id, instances, from_status, from_attempt, to_status, attempt, failure, moved_at),
         unnest(g.instances) AS r
    WHERE i.execution_id = g.id AND i.index >= lower(r) AND i.index < upper(r)
      AND i.status = g.from_status AND (g.from_attempt IS NULL OR i.attempt = g.from_attempt)
    RETURNING g.n, i.index, i.instance_id, g.from_status)
  SELECT n, count(*)::int AS count,
         array_agg(index ORDER BY index) FILTER (WHERE from_status = 0) AS indices,
         array_agg(instance_id ORDER BY index) FILTER (WHERE from_status = 0) AS ids
  FROM moved GROUP BY n`;

/** Takes the next by index that stand in a status, from where the last such search ended. */
export const MOVE_NEXT = `
  WITH picked AS (
    SELECT g.*, p.index
    FROM unnest($1::int[], $2::uuid[], $3::int[], $4::int[], $5::smallint[], $6::smallint[],
                $7::smallint[], $8::smallint[], $9::bigint[])
           AS g(n, id, start, count, from_status, from_attempt, to_status, attempt, moved_at)
    CROSS JOIN LATERAL (
      SELECT i.index FROM execution_instances i
      WHERE i.execution_id = g.id AND i.index >= g.start AND i.status = g.from_status
        AND (g.from_attempt IS NULL OR i.attempt = g.from_attempt)
      ORDER BY i.index LIMIT g.count) p),
  moved AS (
    UPDATE execution_instances i SET
      status = p.to_status, attempt = COALESCE(p.attempt, i.attempt), moved_at = p.moved_at,
      failure = NULL
    FROM picked p WHERE i.execution_id = p.id AND i.index = p.index
    RETURNING p.n, i.index, i.instance_id)
  SELECT n, count(*)::int AS count, array_agg(index ORDER BY index) AS indices,
         array_agg(instance_id ORDER BY index) AS ids
  FROM moved GROUP BY n`;

export const INSERT_FACTS = `
  INSERT INTO execution_facts (execution_id, sequence, count, at, instances, body)
  SELECT id, sequence, count, to_timestamp(at_ms / 1000.0), instances, body
  FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::int4multirange[], $6::jsonb[])
         AS f(id, sequence, count, at_ms, instances, body)`;

/** Facts by pointer, in the order of the pointers, with the ids of their instances. */
const FACT_COLUMNS = `
  f.execution_id, f.sequence, f.count, round(extract(epoch FROM f.at) * 1000)::float8 AS at_ms,
  f.instances::text AS instances, f.body, x.ids, x.versions, x.attempts`;
const FACT_INSTANCES = `
  LEFT JOIN LATERAL (
    SELECT array_agg(i.instance_id ORDER BY i.index) AS ids,
           array_agg(i.from_version ORDER BY i.index) FILTER (WHERE f.body->>9 = 'ROLLED_BACK')
             AS versions,
           array_agg(i.attempt ORDER BY i.index) FILTER (WHERE f.body->>9 = 'ROLLED_BACK')
             AS attempts
    FROM unnest(f.instances) r
    JOIN execution_instances i
      ON i.execution_id = f.execution_id AND i.index >= lower(r) AND i.index < upper(r)
  ) x ON f.instances IS NOT NULL`;

export const FACTS_BY_POINTER = `
  SELECT ${FACT_COLUMNS}
  FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS p(id, sequence, n)
  JOIN execution_facts f ON f.execution_id = p.id AND f.sequence = p.sequence
  ${FACT_INSTANCES} ORDER BY p.n`;

// Nothing behind $3 more than the next one is wanted: a fact may be thousands of events. That next
// one follows at once, but where a database that was restored has forgotten events that were told.
export const FACTS_AFTER = `
  SELECT ${FACT_COLUMNS}
  FROM (SELECT * FROM execution_facts
        WHERE execution_id = $1 AND sequence + count > $2::bigint + 1
          AND sequence <= $3::int + greatest($2::bigint, (
            SELECT min(sequence) - 1 FROM execution_facts
            WHERE execution_id = $1 AND sequence > $2::bigint))
        ORDER BY sequence LIMIT $3) f
  ${FACT_INSTANCES} ORDER BY f.sequence`;

export const INSTANCE_COLUMNS =
  'index, status, attempt, moved_at, failure, instance_id, from_version';
