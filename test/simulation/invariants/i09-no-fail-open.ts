import type { Execution } from '#core/execution/execution.js';
import { TOPICS } from '#contracts/topics.js';
import type { ServiceName } from '../simulated-process.js';
import type { Ground, Invariant, SeenExecution, SeenLook, SeenMessage } from './invariant.js';
import { isSince } from './service-time.js';

/**
 * Whatever the rules count as passed was really so when the target was last asked about it: by the
 * service that counts it, and after it had a reason to ask.
 */
export const noFailOpen: Invariant = {
  id: 'I9',
  says: 'no data, an error or a killed check is never a pass',
  watch: (ground) => {
    const sights = new Sights();
    return {
      looked: (look) => {
        sights.add(look, ground.world.nowMs());
      },
      committed: ({ executions }) => {
        for (const seen of executions) {
          checkCompleted(ground, seen, sights);
          checkSwitched(ground, seen, sights);
          checkEnd(ground, seen);
        }
      },
      appended: (message) => {
        if (message.topic === TOPICS.validatorResults) checkChecks(ground, message, sights);
        if (message.topic === TOPICS.canaryResults) checkVerdict(ground, message, sights);
      },
    };
  },
};

/** When each service last saw an instance well on a version, or a set live: as it really was. */
class Sights {
  readonly #atMs = new Map<string, number>();

  add({ service, fleet, well, liveSet }: SeenLook, nowMs: number): void {
    for (const { id, runs } of well) {
      this.#atMs.set(`${service} ${fleet} ${id} ${String(runs)}`, nowMs);
      this.#atMs.set(`${service} ${fleet} ${id}`, nowMs);
    }
    if (liveSet !== null) this.#atMs.set(`${service} ${fleet} live ${liveSet}`, nowMs);
  }

  /** -Infinity: never. `version` null: on whatever it runs. */
  wellAtMs(by: ServiceName, fleet: string, instanceId: string, version: string | null): number {
    const key = `${by} ${fleet} ${instanceId}`;
    return this.#atMs.get(version === null ? key : `${key} ${version}`) ?? -Infinity;
  }

  liveAtMs(by: ServiceName, fleet: string, set: string): number {
    return this.#atMs.get(`${by} ${fleet} live ${set}`) ?? -Infinity;
  }
}

function fleetOf({ tenantId, componentId }: Execution): string {
  return `${tenantId}/${componentId}`;
}

/** An instance COMPLETED was seen well on the version it was taken to, since its bring was done. */
function checkCompleted({ must }: Ground, seen: SeenExecution, sights: Sights): void {
  const { id, after, facts, instancesBefore, instancesAfter } = seen;
  const names = new Map(instancesAfter.map(({ index, instanceId }) => [index, instanceId]));
  const since = new Map(instancesBefore.map(({ index, movedAtMs }) => [index, movedAtMs]));
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.select.by !== 'INDICES') continue;
    if (fact.to !== 'COMPLETED') continue;
    for (const index of fact.select.indices) {
      const name = names.get(index) ?? '';
      const { version } = after.plan.to;
      const atMs = sights.wellAtMs('orchestrator', fleetOf(after), name, version);
      const isSeen = isSince(atMs, since.get(index) ?? 0);
      must(isSeen, () => `${id}: ${name} is COMPLETED, and nobody has seen it well on ${version}`);
    }
  }
}

function checkSwitched({ must }: Ground, { id, before, after }: SeenExecution, sights: Sights) {
  const { newSet } = after;
  if (newSet?.state !== 'LIVE' || before?.newSet?.state === 'LIVE') return;
  const sinceMs = before && 'setOperation' in before ? before.setOperation?.sinceMs : undefined;
  const atMs = sights.liveAtMs('orchestrator', fleetOf(after), newSet.name);
  const isSeen = sinceMs !== undefined && isSince(atMs, sinceMs);
  must(isSeen, () => `${id}: traffic counts as switched, and nobody has seen ${newSet.name} live`);
}

/** Nothing went on by checks that are not there. */
function checkEnd({ must }: Ground, { id, before, after, facts }: SeenExecution): void {
  const isPassed = (checks: Execution['preChecks']): boolean =>
    checks.length > 0 && checks.every(({ outcome }) => outcome !== 'FAILED');
  if (before?.status === 'VALIDATING' && 'room' in after) {
    must(isPassed(after.preChecks), () => `${id} begins and its checks have not passed`);
  }
  if (after.status === 'COMPLETED') {
    must(isPassed(after.postChecks), () => `${id} is COMPLETED and its checks have not passed`);
  }
  for (const fact of facts) {
    if (fact.type !== 'STATUS_CHANGED' || fact.from !== 'CANARY_MONITORING') continue;
    if (fact.to !== 'IN_PROGRESS' || fact.by !== BY_ITSELF) continue;
    const { canary, plan } = after;
    const isHealthy = canary?.verdict === 'HEALTHY' && canary.durationOver && plan.autoPromote;
    must(isHealthy, () => `${id} promoted itself, its canaries are ${String(canary?.verdict)}`);
  }
}

/** Who has promoted canaries when nobody has. */
const BY_ITSELF = 'autoPromote';

/** Written down a second time, from the spec. */
const CHECK_NAMES = {
  PRE: [
    'VERSION_COMPATIBILITY',
    'RESOURCE_AVAILABILITY',
    'BACKUP_VERIFICATION',
    'HEALTH_ENDPOINTS',
    'DEPENDENCY_CHECK',
  ],
  POST: ['POST_UPGRADE_STATE', 'SMOKE_TESTS'],
} as const;

interface Result {
  readonly executionId: string;
  readonly kind: keyof typeof CHECK_NAMES;
  readonly state: string;
  readonly checks: readonly { readonly check: string; readonly outcome: string }[];
}

/** What a validator calls PASSED of instances it has seen so itself. */
function checkChecks({ must, world }: Ground, { event }: SeenMessage, sights: Sights): void {
  const { executionId, kind, state, checks } = event.data as unknown as Result;
  const execution = world.execution(executionId);
  if (state !== 'ENDED' || execution === null) return;
  const said = new Map(checks.map(({ check, outcome }) => [check, outcome]));
  const missing = CHECK_NAMES[kind].filter((name) => !said.has(name));
  must(missing.length === 0, () => `${executionId}: nothing is said of ${missing.join(' ')}`);
  const version = kind === 'POST' ? execution.plan.to.version : null;
  const passed = kind === 'POST' ? 'POST_UPGRADE_STATE' : 'HEALTH_ENDPOINTS';
  const sinceMs = askedAtMs(execution, kind);
  // Said once more, of checks that it has left behind: its instances are elsewhere by now.
  if (said.get(passed) !== 'PASSED' || sinceMs === null) return;
  const fleet = fleetOf(execution);
  const { truth } = world;
  for (const { instanceId, status } of world.instances(executionId)) {
    const isOther = kind === 'POST' && status !== 'COMPLETED';
    const isGone = instanceId === '' || truth.hasVanished(fleet, instanceId);
    // What appears between a check and the listing is listed and was not there to be checked.
    const isNew = kind === 'PRE' && truth.hasAppeared(fleet, instanceId);
    if (isOther || isGone || isNew) continue;
    const isSeen = isSince(sights.wellAtMs('validator', fleet, instanceId, version), sinceMs);
    must(isSeen, () => `${executionId}: ${passed} PASSED, and ${instanceId} was not seen well`);
  }
}

/** Null: it waits for no such answer. */
function askedAtMs(execution: Execution, kind: Result['kind']): number | null {
  if (kind === 'PRE') return execution.status === 'VALIDATING' ? execution.startedAtMs : null;
  if (!('postChecksAskedAtMs' in execution) || execution.postChecksAnswered) return null;
  return execution.postChecksAskedAtMs;
}

interface Verdict {
  readonly executionId: string;
  readonly verdict: string | null;
  readonly samples: readonly { readonly atMs: number; readonly outcome: string }[];
}

/** HEALTHY canaries: three times in a row each of them was seen well on the new version. */
function checkVerdict({ must, world }: Ground, { event }: SeenMessage, sights: Sights): void {
  const { executionId, verdict, samples } = event.data as unknown as Verdict;
  if (verdict !== 'HEALTHY') return;
  const last = samples.slice(-3);
  const isPassed = last.length === 3 && last.every(({ outcome }) => outcome === 'PASS');
  must(isPassed, () => `${executionId}: HEALTHY after ${last.map((it) => it.outcome).join(' ')}`);
  const execution = world.execution(executionId);
  if (execution?.status !== 'CANARY_MONITORING') return;
  const sinceMs = last[0]?.atMs ?? 0;
  const { version } = execution.plan.to;
  for (const { instanceId, status } of world.instances(executionId)) {
    if (status !== 'COMPLETED') continue;
    const atMs = sights.wellAtMs('canary-monitor', fleetOf(execution), instanceId, version);
    must(
      isSince(atMs, sinceMs),
      () => `${executionId}: HEALTHY, and ${instanceId} was not seen well`,
    );
  }
}
