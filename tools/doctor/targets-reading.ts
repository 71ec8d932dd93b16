/** Reads what targets say, and holds the rows of executions against it. Asks, and orders nothing. */
import type { Pool } from 'pg';
import { INSTANCE_STATUSES } from '#core/execution/execution.js';
import { AgentTargets } from '#targets/agent-targets.js';
import {
  compareFences,
  type Fence,
  type ObservedInstance,
  type TargetDriver,
} from '#targets/target.driver.js';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { DeploymentSeen, InstanceDifference, TargetSeen } from './seen.js';

interface DeploymentColumns {
  tenant_id: string;
  component_id: string;
  name: string;
  hand_over: string;
  version: string | null;
  observed_versions: Record<string, number>;
  target: { driver: string; settings: Record<string, unknown> } | null;
  standby: string | null;
  execution_id: string | null;
  revision: string | null;
  to_version: string | null;
  sets: (string | null)[];
}

const DEPLOYMENTS = `
  SELECT d.tenant_id, d.component_id, c.name, d.hand_over, v.version, d.observed_versions, d.target,
         d.standby_set->>'set' AS standby, e.id AS execution_id, e.revision,
         b.plan->'to'->>'version' AS to_version,
         ARRAY[e.detail->'newSet'->>'name', e.detail->'newSet'->>'previous',
               e.detail->>'staleSet'] AS sets
  FROM orchestrator.deployments d
  JOIN orchestrator.components c ON c.id = d.component_id
  LEFT JOIN orchestrator.versions v ON v.id = d.current_version_id
  LEFT JOIN orchestrator.executions e
    ON e.tenant_id = d.tenant_id AND e.component_id = d.component_id AND e.active
  LEFT JOIN orchestrator.execution_briefs b ON b.id = e.id
  WHERE ($1::text IS NULL OR d.tenant_id = $1)
  ORDER BY d.tenant_id, d.component_id LIMIT $2`;

export interface DeploymentsRead {
  readonly seen: readonly DeploymentSeen[];
  readonly notLookedAt: readonly string[];
}

/** All deployments, with their targets where these answer; a few are asked side by side. */
export async function readDeployments(pool: Pool, tenant: string | null): Promise<DeploymentsRead> {
  const limit = DOCTOR_LIMITS.deploymentsMax;
  const { rows } = await pool.query<DeploymentColumns>(DEPLOYMENTS, [tenant, limit]);
  const notLookedAt = rows.length === limit ? [`deployments beyond ${String(limit)}`] : [];
  // As the services are told.
  const allowLinkLocal = process.env['EGRESS_LINK_LOCAL'] === 'true';
  const agents = new AgentTargets({ allowLinkLocal });
  const seen: DeploymentSeen[] = [];
  const waiting = [...rows];
  const work = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const read = await readOne(pool, agents, row);
      seen.push(read.seen);
      if (read.problem !== null) notLookedAt.push(read.problem);
    }
  };
  try {
    await Promise.all(Array.from({ length: DOCTOR_LIMITS.targetsAtOnce }, work));
  } finally {
    await agents.close();
  }
  return { seen, notLookedAt };
}

async function readOne(
  pool: Pool,
  agents: AgentTargets,
  row: DeploymentColumns,
): Promise<{ readonly seen: DeploymentSeen; readonly problem: string | null }> {
  const unseen = { ...deploymentOf(row), target: null, differences: [] };
  if (row.target === null) return { seen: unseen, problem: null };
  const problem = (why: string) => ({
    seen: unseen,
    problem: `the target of ${row.tenant_id}'s ${row.name}: ${why}`,
  });
  const { driver, settings } = row.target;
  try {
    if (driver === 'simulated' && settings['volatile'] === true) {
      return problem('a volatile fleet lives in the process that drives it');
    }
    const look =
      driver === 'simulated'
        ? await lookAtRows(pool, String(settings['fleet']))
        : await lookAtTarget(agents.open(settings));
    if (look === null) return { seen: unseen, problem: null };
    const target = seenOf(look);
    const differences = await differencesOf(pool, row, look);
    // What it has committed since is no fence of anybody else's.
    const handOver = await handOverOf(pool, row);
    return { seen: { ...unseen, handOver, target, differences }, problem: null };
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
}

async function handOverOf(pool: Pool, row: DeploymentColumns): Promise<number> {
  const { rows } = await pool.query<{ hand_over: string }>(
    `SELECT hand_over FROM orchestrator.deployments WHERE tenant_id = $1 AND component_id = $2`,
    [row.tenant_id, row.component_id],
  );
  return Number(rows[0]?.hand_over ?? row.hand_over);
}

function deploymentOf(row: DeploymentColumns) {
  return {
    tenantId: row.tenant_id,
    componentId: row.component_id,
    componentName: row.name,
    handOver: Number(row.hand_over),
    currentVersion: row.version,
    observedVersions: row.observed_versions,
    knownSets: [row.standby, ...row.sets].filter((set) => set !== null),
    activeExecutionId: row.execution_id,
  };
}

type Observed = Pick<ObservedInstance, 'id' | 'version'> & {
  readonly fence?: Fence | null | undefined;
};

interface Look {
  readonly sets: readonly { readonly name: string; readonly live: boolean }[];
  readonly bySet: ReadonlyMap<string, readonly Observed[]>;
  /** The highest that has operated its sets; an agent's contract does not tell it. */
  readonly setsFence: Fence | null;
}

async function lookAtTarget(driver: TargetDriver): Promise<Look> {
  const signal = AbortSignal.timeout(DOCTOR_LIMITS.targetMs);
  const sets = await driver.sets(signal);
  const bySet = new Map<string, Observed[]>();
  let count = 0;
  for (const { name } of sets) {
    const instances: Observed[] = [];
    bySet.set(name, instances);
    let cursor: string | null = null;
    do {
      const query = { set: name, limit: DOCTOR_LIMITS.targetPage };
      const page = await driver.list(cursor === null ? query : { ...query, cursor }, signal);
      for (const { id, version, fence } of page.instances) instances.push({ id, version, fence });
      count += page.instances.length;
      if (count > DOCTOR_LIMITS.targetInstancesMax) {
        throw new Error(`more than ${String(DOCTOR_LIMITS.targetInstancesMax)} instances`);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
  return { sets, bySet, setsFence: null };
}

/** A rehearsal is read by its rows: a look by its driver would use up the faults it is to show. */
async function lookAtRows(pool: Pool, fleet: string): Promise<Look | null> {
  const there = await pool.query<{ found: string | null }>(
    `SELECT to_regclass('simulated.instances') AS found`,
  );
  if (there.rows[0]?.found === null) return null;
  const found = await pool.query<{ live: string; fence: Fence | null }>(
    `SELECT coalesce(sets->>'live', 'main') AS live, sets->'fence' AS fence FROM simulated.fleets WHERE fleet = $1`,
    [fleet],
  );
  if (found.rows[0] === undefined) return null;
  const { live, fence: setsFence } = found.rows[0];
  const { rows } = await pool.query<Observed & { set: string; busy: boolean }>(
    `SELECT id, set_name AS set, CASE WHEN busy THEN NULL ELSE runs END AS version, fence, busy
     FROM simulated.instances WHERE fleet = $1 AND NOT gone ORDER BY id LIMIT $2`,
    [fleet, DOCTOR_LIMITS.targetInstancesMax + 1],
  );
  if (rows.length > DOCTOR_LIMITS.targetInstancesMax) {
    throw new Error(`more than ${String(DOCTOR_LIMITS.targetInstancesMax)} instances`);
  }
  const bySet = Map.groupBy(rows, ({ set }) => set);
  if (!bySet.has(live)) bySet.set(live, []);
  const sets = [...bySet.keys()].map((name) => ({ name, live: name === live }));
  return { sets, bySet, setsFence };
}

function seenOf({ sets, bySet, setsFence }: Look): TargetSeen {
  let highestFence = setsFence;
  for (const { fence } of [...bySet.values()].flat()) {
    if (fence === null || fence === undefined) continue;
    if (highestFence === null || compareFences(fence, highestFence) > 0) highestFence = fence;
  }
  const live = bySet.get(sets.find((set) => set.live)?.name ?? '') ?? [];
  const versions: Record<string, number> = {};
  let silent = 0;
  for (const { version } of live) {
    if (version === null) silent += 1;
    else versions[version] = (versions[version] ?? 0) + 1;
  }
  return { highestFence, sets, versions, silent };
}

interface InstanceColumns {
  instance_id: string;
  status: number;
  from_version: string | null;
}

const RESTING = ['PENDING', 'COMPLETED', 'ROLLED_BACK'] as const;

/** Only rows of an execution that did not move meanwhile, and only instances that rest. */
async function differencesOf(
  pool: Pool,
  { execution_id: id, revision, to_version: toVersion }: DeploymentColumns,
  { bySet }: Look,
): Promise<InstanceDifference[]> {
  if (id === null || toVersion === null) return [];
  const codes = RESTING.map((status) => INSTANCE_STATUSES.indexOf(status));
  const reported = new Map(
    [...bySet.values()].flat().map((instance) => [instance.id, instance.version]),
  );
  const differences: InstanceDifference[] = [];
  const { rows } = await pool.query<InstanceColumns>(
    `SELECT instance_id, status, from_version FROM orchestrator.execution_instances
     WHERE execution_id = $1 AND status = ANY ($2::smallint[]) ORDER BY index LIMIT $3`,
    [id, codes, DOCTOR_LIMITS.targetInstancesMax],
  );
  for (const { instance_id: instanceId, status: code, from_version: from } of rows) {
    const status = INSTANCE_STATUSES[code] ?? 'PENDING';
    const expected = status === 'COMPLETED' ? toVersion : from;
    const reports = reported.get(instanceId);
    if (reports === undefined || reports === null || expected === null || reports === expected)
      continue;
    differences.push({ instanceId, status, expected, reports });
  }
  const after = await pool.query<{ revision: string }>(
    'SELECT revision FROM orchestrator.executions WHERE id = $1',
    [id],
  );
  return after.rows[0]?.revision === revision ? differences : [];
}
