/** What there is when all is over: told to the history, so that the checkers need nothing else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TOPICS } from '#contracts/topics.js';
import { listDeadLetters } from '#messaging/dead-letter-desk.js';
import type {
  DeploymentAnswer,
  RegistryApi,
  VersionAnswer,
} from '../../tools/product/registry-api.js';
import type { FleetWatch, Watched } from './fleet-watch.js';
import type { ExecutionShown, HistoryFile, InstanceShown, Standing } from './history.js';
import type { SimulatedFleets, FleetStand } from './simulated-world.js';
import type { Tenant } from './tenant.js';

/** What is tidied up and counted after an upgrade has ended is done by then. */
const SETTLE_LIMIT_MS = 25_000;
const LOOK_EVERY_MS = 300;
const LETTERS_LISTED = 20;

export interface CensusParts {
  readonly history: HistoryFile;
  readonly api: RegistryApi;
  readonly brokers: string;
  readonly simulated: SimulatedFleets;
  readonly fleets: FleetWatch;
  readonly tenants: readonly Tenant[];
  readonly watched: readonly Watched[];
}

export async function takeCensus(parts: CensusParts): Promise<void> {
  const { history, tenants, watched } = parts;
  for (const [at, tenant] of tenants.entries()) {
    const fleet = watched[at];
    if (fleet === undefined) continue;
    const { name } = tenant.fleet;
    await tellExecutions(parts, tenant);
    const path = `components/${tenant.componentId}/versions`;
    const versions = (await parts.api.all<VersionAnswer>(path)).map(({ id, version }) => {
      return { id, version };
    });
    history.add({ kind: 'VERSIONS', fleet: name, versions, bad: tenant.badVersions });
    history.add(await standingOf(parts, tenant, fleet));
    if (fleet.driver === 'agent') parts.fleets.readStarts(name);
    else history.add({ kind: 'ACTS', fleet: name, acts: await parts.simulated.history(fleet.key) });
  }
  await tellRecords(parts);
  await tellDeadLetters(parts);
}

interface ExecutionAnswer extends Omit<ExecutionShown, 'leftOver' | 'postChecks'> {
  readonly rollbackInfo: { readonly leftOverCount: number };
  readonly validationResults: readonly { phase: string; check: string; outcome: string }[];
}

async function tellExecutions({ history, api }: CensusParts, tenant: Tenant): Promise<void> {
  const path = `tenants/${tenant.fleet.tenantId}/upgrades`;
  const listed = await api.all<{ id: string }>(path);
  for (const { id } of listed.reverse()) {
    const answer = await api.get<ExecutionAnswer>(`upgrades/${id}`);
    const instances = await api.all<InstanceShown>(`upgrades/${id}/instances`);
    const events = await api.all<unknown>(`upgrades/${id}/events`);
    history.add({
      kind: 'EXECUTION',
      execution: shownOf(answer),
      instances: instances.map(({ index, instanceId, status, attempt, fromVersion }) => {
        return { index, instanceId, status, attempt, fromVersion };
      }),
      events: events.map((event) => JSON.stringify(event)),
    });
  }
}

function shownOf(answer: ExecutionAnswer): ExecutionShown {
  const { id, tenantId, componentId, kind, status, strategy, maxUnavailablePercentage } = answer;
  const { fromVersionId, toVersionId, failureReason, newSet, createdAt, completedAt } = answer;
  const postChecks = answer.validationResults.filter(({ phase }) => phase === 'POST');
  return {
    ...{ id, tenantId, componentId, kind, status, strategy, maxUnavailablePercentage },
    ...{ fromVersionId, toVersionId, failureReason, createdAt, completedAt },
    newSet:
      newSet === null
        ? null
        : { name: newSet.name, state: newSet.state, leftBehind: newSet.leftBehind },
    leftOver: answer.rollbackInfo.leftOverCount,
    postChecks: postChecks.map(({ check, outcome }) => `${check} ${outcome}`),
  };
}

type Deployment = DeploymentAnswer & { readonly standbySet: unknown };

/** Once the deployment says what the target says and nothing is to be tidied up any more. */
async function standingOf(parts: CensusParts, tenant: Tenant, fleet: Watched): Promise<Standing> {
  const path = `tenants/${tenant.fleet.tenantId}/deployments/${tenant.componentId}`;
  const endMs = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const stand = await standOf(parts, fleet);
    const { currentVersionId, observedVersions, standbySet } =
      await parts.api.get<Deployment>(path);
    const isLate = performance.now() > endMs;
    if (isLate || (stand.sets.length === 1 && isObserved(stand, observedVersions))) {
      const told = { currentVersionId, observedVersions, keepsSet: standbySet !== null };
      return { kind: 'STANDING', fleet: tenant.fleet.name, ...stand, ...told };
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function standOf({ fleets, simulated }: CensusParts, fleet: Watched): Promise<FleetStand> {
  return fleet.driver === 'simulated' ? simulated.stand(fleet.key) : fleets.stand(fleet);
}

function isObserved(
  { instances }: FleetStand,
  observed: Readonly<Record<string, number>>,
): boolean {
  const counted = countVersions(instances.map(({ version }) => version));
  const versions = new Set([...Object.keys(counted), ...Object.keys(observed)]);
  return [...versions].every((version) => (counted[version] ?? 0) === (observed[version] ?? 0));
}

/** How many run each version; those that say none are nobody's. */
export function countVersions(versions: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const version of versions) {
    if (version !== null) counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

interface ActionRow {
  readonly execution_id: string;
  readonly action: string;
  readonly claimed_by: string;
  readonly force: boolean;
}

async function tellRecords({ history, simulated }: CensusParts): Promise<void> {
  const rows = await simulated.query<ActionRow>(
    'SELECT execution_id, action, claimed_by, force FROM orchestrator.execution_actions ORDER BY id',
  );
  for (const { execution_id: executionId, action, claimed_by: by, force } of rows) {
    history.add({ kind: 'RECORDED', executionId, action, by, force });
  }
}

async function tellDeadLetters({ history, brokers }: CensusParts): Promise<void> {
  for (const topic of Object.values(TOPICS)) {
    const letters = await listDeadLetters(brokers.split(','), topic, { limit: LETTERS_LISTED });
    const reasons = letters.map(({ letter, problem }) => letter?.reason ?? problem ?? '');
    history.add({ kind: 'DEAD_LETTERS', topic, reasons });
  }
}
