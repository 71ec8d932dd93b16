import { TOPICS } from '#contracts/topics.js';
import type { ObservedInstance } from '#targets/target.driver.js';
import type { Execution } from '#core/execution/execution.js';
import type { ServiceName } from '../simulated-process.js';
import { COUNT_MAX_AGE_MS } from './i04-by-the-count.js';
import type { Ground, Invariant, SeenAnswer, SeenExecution, SeenMessage } from './invariant.js';
import { isSince } from './service-time.js';
import { restoredBy } from './rollback-rows.js';

/** A look belongs to the sample whose moment on the grid is the last; clocks are nearly right. */
const SAMPLE = { beforeMs: 5_000, afterMs: 29_000 };

/**
 * Whatever counts as a pass, a target has said: that very service was told so, of that very
 * instance, and after it had a reason to ask.
 */
export const passesWereSaid: Invariant = {
  id: 'I9',
  says: 'whatever is a pass was said by a target, not made up where it said nothing',
  watch: (ground) => {
    const said = new Said();
    return {
      answered: (answer) => {
        said.add(answer, ground.world.nowMs());
      },
      committed: (commit) => {
        for (const seen of commit.executions) {
          checkCompleted(ground, seen, said);
          checkCounted(ground, seen, said);
        }
        for (const { of, instanceId, version, sinceMs } of restoredBy(commit)) {
          const fleet = fleetOf(ground.world.execution(of.slice(0, UUID_CHARS)));
          const pass = { by: 'rollback-agent', fleet, instanceId, version } as const;
          const isSaid = isSince(said.lastMs(pass), sinceMs);
          ground.must(isSaid, () => `${of}: ${instanceId} is restored, not seen on ${version}`);
        }
      },
      appended: (message) => {
        if (message.topic === TOPICS.canaryResults) checkSamples(ground, message, said);
        if (message.topic === TOPICS.validatorResults) {
          checkChecks(ground, message, said);
          checkSmokeTests(ground, message, said);
        }
      },
    };
  },
};

const UUID_CHARS = 36;

interface Pass {
  readonly by: ServiceName;
  readonly fleet: string;
  readonly instanceId: string;
  /** Null: on whatever it runs. */
  readonly version: string | null;
}

/** When which service was told that an instance is well, counted, or given a value: in ms. */
class Said {
  readonly #atMs = new Map<string, number[]>();

  add(answer: SeenAnswer, nowMs: number): void {
    const { service, fleet } = answer;
    if (answer.to === 'ROOM') this.#note(`${service} ${fleet} ROOM`, nowMs);
    if (answer.to === 'METRIC' && answer.value !== null) {
      this.#note(`${service} ${fleet} METRIC`, nowMs);
    }
    if (answer.to === 'CALL') {
      this.#note(`${service} ${fleet} ${callKey(answer.path, answer.status)}`, nowMs);
    }
    if (answer.to !== 'LIST') return;
    const { instances } = answer;
    if (instances.length > 0 && instances.every(isWell)) {
      this.#note(`${service} ${fleet} ALL`, nowMs);
      const versions = new Set(instances.map(({ version }) => version));
      if (versions.size === 1) this.#note(`${service} ${fleet} ALL ${[...versions].join()}`, nowMs);
    }
    for (const one of instances.filter(isWell)) {
      this.#note(`${service} ${fleet} ${one.id}`, nowMs);
      this.#note(`${service} ${fleet} ${one.id} ${String(one.version)}`, nowMs);
    }
  }

  lastMs({ by, fleet, instanceId, version }: Pass): number {
    const key = `${by} ${fleet} ${instanceId}`;
    return this.#timesOf(version === null ? key : `${key} ${version}`).at(-1) ?? -Infinity;
  }

  lastCountMs(fleet: string): number {
    return this.#timesOf(`orchestrator ${fleet} ROOM`).at(-1) ?? -Infinity;
  }

  lastCallMs(fleet: string, path: string, status: number): number {
    return this.#timesOf(`validator ${fleet} ${callKey(path, status)}`).at(-1) ?? -Infinity;
  }

  isSampled(fleet: string, what: string, atMs: number): boolean {
    return this.#timesOf(`canary-monitor ${fleet} ${what}`).some((toldMs) => {
      return toldMs >= atMs - SAMPLE.beforeMs && toldMs <= atMs + SAMPLE.afterMs;
    });
  }

  #note(key: string, nowMs: number): void {
    const times = this.#atMs.get(key);
    if (times === undefined) this.#atMs.set(key, [nowMs]);
    else if (times.at(-1) !== nowMs) times.push(nowMs);
  }

  #timesOf(key: string): readonly number[] {
    return this.#atMs.get(key) ?? [];
  }
}

function callKey(path: string, status: number): string {
  return `CALL ${path} ${String(status)}`;
}

function isWell({ healthy, noData }: ObservedInstance): boolean {
  return healthy && noData !== true;
}

function fleetOf(execution: Execution | null): string {
  return execution === null ? '' : `${execution.tenantId}/${execution.componentId}`;
}

function checkCompleted({ must }: Ground, seen: SeenExecution, said: Said): void {
  const { id, after, facts, instancesBefore } = seen;
  const before = new Map(instancesBefore.map((one) => [one.index, one]));
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.select.by !== 'INDICES') continue;
    if (fact.to !== 'COMPLETED') continue;
    for (const index of fact.select.indices) {
      const { instanceId = '', movedAtMs = 0 } = before.get(index) ?? {};
      const { version } = after.plan.to;
      const pass = { by: 'orchestrator', fleet: fleetOf(after), instanceId, version } as const;
      const isSaid = isSince(said.lastMs(pass), movedAtMs);
      must(isSaid, () => `${id}: ${instanceId} is COMPLETED, and never said to be well`);
    }
  }
}

/** Nothing is taken by the room without a count of it. */
function checkCounted(
  { must }: Ground,
  { id, before, after, facts }: SeenExecution,
  said: Said,
): void {
  const { strategy, newSet } = after.plan;
  if (before === null || strategy === 'RECREATE' || newSet !== null) return;
  const takes = facts.find((fact) => fact.type === 'INSTANCES_MOVED' && fact.to === 'DRAINING');
  if (takes?.type !== 'INSTANCES_MOVED' || takes.from !== 'PENDING') return;
  const isCounted = isSince(said.lastCountMs(fleetOf(after)), takes.atMs - COUNT_MAX_AGE_MS);
  must(isCounted, () => `${id}: ${takes.why} begins, and its room was not counted`);
}

interface Watched {
  readonly executionId: string;
  readonly samples: readonly {
    readonly atMs: number;
    readonly number: number;
    readonly findings: readonly { readonly of: string; readonly outcome: string }[];
  }[];
}

function checkSamples({ must, world }: Ground, { event }: SeenMessage, said: Said): void {
  const { executionId, samples } = event.data as unknown as Watched;
  const execution = world.execution(executionId);
  if (execution?.status !== 'CANARY_MONITORING') return;
  const fleet = fleetOf(execution);
  const { version } = execution.plan.to;
  // What another source has said of them, no target has.
  const asked = world.upgrades.find(({ create }) => create.id === executionId)?.create;
  const elsewhere = new Set(
    asked?.canaryMetrics.flatMap(({ name, source }) => (source === 'TARGET' ? [] : [name])),
  );
  const canaries = world.instances(executionId).filter(({ status }) => status === 'COMPLETED');
  for (const { atMs, number, findings } of samples) {
    for (const { of, outcome } of findings) {
      if (outcome !== 'PASS' || elsewhere.has(of)) continue;
      const what =
        of === 'health' ? canaries.map((one) => `${one.instanceId} ${version}`) : ['METRIC'];
      const isSaid = what.length > 0 && what.every((each) => said.isSampled(fleet, each, atMs));
      must(isSaid, () => `${executionId}: sample ${String(number)} passes ${of} unseen`);
    }
  }
}

interface Validated {
  readonly executionId: string;
  readonly kind: 'PRE' | 'POST';
  readonly state: string;
  readonly checks: readonly { readonly check: string; readonly outcome: string }[];
}

function checkChecks({ must, world }: Ground, { event }: SeenMessage, said: Said): void {
  const { executionId, kind, state, checks } = event.data as unknown as Validated;
  const execution = world.execution(executionId);
  if (state !== 'ENDED' || execution === null) return;
  const isPost = kind === 'POST';
  const name = isPost ? 'POST_UPGRADE_STATE' : 'HEALTH_ENDPOINTS';
  if (checks.find(({ check }) => check === name)?.outcome !== 'PASSED') return;
  // All of them in one answer: one that is gone by then, or has come since, was not checked.
  const instanceId = 'ALL';
  const version = isPost ? execution.plan.to.version : null;
  const pass = { by: 'validator', fleet: fleetOf(execution), instanceId, version } as const;
  const isSaid = isSince(said.lastMs(pass), sinceMs(execution, isPost));
  must(isSaid, () => `${executionId}: ${name} PASSED, and the instances were not said to be well`);
}

/** Every smoke test of the version was answered as it expects, since they were asked for. */
function checkSmokeTests({ must, world }: Ground, { event }: SeenMessage, said: Said): void {
  const { executionId, state, checks } = event.data as unknown as Validated;
  const execution = world.execution(executionId);
  if (state !== 'ENDED' || execution === null) return;
  if (checks.find(({ check }) => check === 'SMOKE_TESTS')?.outcome !== 'PASSED') return;
  const fleet = fleetOf(execution);
  const { smokeTests = [] } = world.upgradeOf(executionId)?.create ?? {};
  for (const { path, expectedStatus } of smokeTests) {
    const isSaid = isSince(said.lastCallMs(fleet, path, expectedStatus), sinceMs(execution, true));
    must(isSaid, () => `${executionId}: SMOKE_TESTS PASSED, and ${path} was not answered so`);
  }
}

function sinceMs(execution: Execution, isPost: boolean): number {
  const askedAtMs = 'postChecksAskedAtMs' in execution ? execution.postChecksAskedAtMs : null;
  return (isPost ? askedAtMs : null) ?? execution.startedAtMs ?? 0;
}
