/** One tenant with a fleet: upgrades over and over, and people who start, answer and meddle. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type ExecutionStatus } from '#core/execution/execution.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { Answer, Desk, Question } from './asking.js';
import { answerTo, type Shown } from './honest-operator.js';
import {
  planUpgrade,
  type PlannedAct,
  type PlannedAction,
  type PlannedFleet,
  type PlannedUpgrade,
} from './plan.js';
import type { ProgressWatch } from './progress-watch.js';

const LOOK_EVERY_MS = 250;
const RETRY_AFTER_MS = 300;
/** Till its deadline an instance that hangs would stop its fleet for all of a run. */
const HANG_LASTS_MS = 15_000;
/** A key whose holder died stays in flight for a minute: nobody waits that long for an answer. */
const KEY_TRIES = 4;

export interface TenantParts {
  readonly desk: Desk;
  readonly progress: ProgressWatch;
  /** Replaces the faults of a simulated fleet. */
  readonly setFaults: (fleet: PlannedFleet, faults: PlannedUpgrade['faults']) => Promise<void>;
  /** There is time for what takes a minute by itself. */
  readonly isPatient: boolean;
  /** Another tenant, who must find nothing here. */
  readonly stranger: string;
}

export class Tenant {
  /** Versions that no instance can run as it should. */
  readonly badVersions: string[] = [];
  readonly #plans: SeededRandom;
  readonly #chance: SeededRandom;
  #versions = 0;
  #attended: string | undefined;

  constructor(
    private readonly parts: TenantParts,
    readonly fleet: PlannedFleet,
    readonly componentId: string,
    random: SeededRandom,
  ) {
    this.#plans = random.fork();
    this.#chance = random.fork();
  }

  /** What is going on, in a few words. */
  get standing(): string {
    const seen = this.#attended === undefined ? undefined : this.parts.progress.of(this.#attended);
    const what = seen === undefined ? '-' : `${seen.status} ${String(seen.percentage)} %`;
    return `${this.fleet.name}: ${what}`;
  }

  /** Until it is over and nothing is active any more, or until all is given up. */
  async work(over: AbortSignal, given: AbortSignal): Promise<void> {
    try {
      await this.#work(over, given);
    } catch (error) {
      if (!given.aborted) throw error;
    }
  }

  async #work(over: AbortSignal, given: AbortSignal): Promise<void> {
    let last: Shown | undefined;
    while (!given.aborted) {
      const active = await this.#active(given);
      if (active !== undefined) {
        last = await this.#attend(active.id, undefined, given);
      } else if (over.aborted) {
        return;
      } else {
        last = await this.#upgrade(last, given);
      }
    }
  }

  async #upgrade(last: Shown | undefined, given: AbortSignal): Promise<Shown | undefined> {
    const { setFaults, isPatient } = this.parts;
    const plan = planUpgrade(this.#plans, this.fleet, isPatient);
    const toVersionId = await this.#register(plan, given);
    const fromVersionId = await this.#current(given);
    await setFaults(this.fleet, plan.faults).catch(() => undefined);
    const request = requestOf(plan, last, this.componentId, fromVersionId, toVersionId);
    const created = await this.#create(plan, request, given);
    if (created === undefined) return last;
    await this.#intrude(created.id);
    const attended = new AbortController();
    const goesOn = this.#endHangs(plan, attended.signal);
    const ended = await this.#attend(created.id, plan, given);
    attended.abort();
    await goesOn;
    await setFaults(this.fleet, []).catch(() => undefined);
    if (plan.revert && ended !== undefined) await this.#act(ended.id, 'revert', 'rita');
    return ended;
  }

  async #endHangs({ faults }: PlannedUpgrade, attended: AbortSignal): Promise<void> {
    if (!faults.some(({ how }) => how === 'HANG')) return;
    await sleep(HANG_LASTS_MS, undefined, { signal: attended }).catch(() => undefined);
    if (!attended.aborted) await this.parts.setFaults(this.fleet, []).catch(() => undefined);
  }

  /** A version of its own for each upgrade: what runs it says whose it is. */
  async #register({ quality }: PlannedUpgrade, given: AbortSignal): Promise<string> {
    this.#versions += 1;
    const version = `1.0.${String(this.#versions)}`;
    const isBad = quality === 'NEVER_HEALTHY' || quality === 'LIES';
    if (isBad && this.fleet.driver === 'agent') this.badVersions.push(version);
    const path = `components/${this.componentId}/versions`;
    const body = { version, artifacts: artifactsOf(version, quality), drainTimeoutSeconds: 3 };
    while (!given.aborted) {
      const added = await this.#ask({ by: 'rita', method: 'POST', path, body });
      if (added?.status === 201) return (added.body as Shown).id;
      // Perhaps it was added, and the answer was lost.
      const known = await this.#ask({ by: 'rita', method: 'GET', path: `${path}?limit=5` });
      const items = (known?.body as { items?: { id: string; version: string }[] } | null)?.items;
      const found = items?.find((one) => one.version === version);
      if (found !== undefined) return found.id;
      await sleep(RETRY_AFTER_MS);
    }
    throw new Error('the run was given up');
  }

  async #current(given: AbortSignal): Promise<string> {
    const path = `tenants/${this.fleet.tenantId}/deployments/${this.componentId}`;
    const found = await this.#insist(path, given);
    return (found as { currentVersionId: string }).currentVersionId;
  }

  /** Until it is there or refused; undefined: refused. */
  async #create(
    plan: PlannedUpgrade,
    body: unknown,
    given: AbortSignal,
  ): Promise<Shown | undefined> {
    while (!given.aborted) {
      const answers = await this.#createOnce(plan, body);
      const created = await this.#active(given);
      if (created !== undefined) return created;
      // It may have been created and have ended since, by whatever somebody did to it.
      if (answers.some(isSettled)) return undefined;
      await sleep(RETRY_AFTER_MS);
    }
    return undefined;
  }

  #createOnce({ create }: PlannedUpgrade, body: unknown): Promise<(Answer | undefined)[]> {
    const path = `tenants/${this.fleet.tenantId}/upgrades`;
    const asked = { method: 'POST', path, action: 'create', body } as const;
    const once = (): Promise<Answer | undefined> =>
      this.#ask({ ...asked, by: this.parts.desk.nameOf('ann') });
    switch (create) {
      case 'ONCE':
        return Promise.all([once()]);
      case 'TWICE':
        return Promise.all([once(), once()]);
      case 'TWICE_WITH_KEY':
        return this.#askTwice({ ...asked, by: this.parts.desk.nameOf('ann') });
    }
  }

  /** Twice at once under one key, and again while nobody knows what became of it. */
  async #askTwice(question: Omit<Question, 'tenantId'>): Promise<(Answer | undefined)[]> {
    const keyed = { ...question, key: `key-${question.by}` };
    let answers: (Answer | undefined)[] = await Promise.all([this.#ask(keyed), this.#ask(keyed)]);
    for (let tries = 1; tries < KEY_TRIES && !answers.some(isSettled); tries += 1) {
      await sleep(RETRY_AFTER_MS);
      answers = [await this.#ask(keyed)];
    }
    return answers;
  }

  /** Somebody of another tenant finds nothing and can do nothing. */
  async #intrude(id: string): Promise<void> {
    const asTenant = this.parts.stranger;
    const by = this.parts.desk.nameOf('ivan');
    await this.#ask({ by, asTenant, method: 'GET', path: `upgrades/${id}`, executionId: id });
    if (this.#chance.chance(0.5)) await this.#act(id, 'rollback', 'ivan', { asTenant });
  }

  /** Starts it, answers for it, does what is planned at its moments; returns how it ended. */
  async #attend(
    id: string,
    plan: PlannedUpgrade | undefined,
    given: AbortSignal,
  ): Promise<Shown | undefined> {
    this.#attended = id;
    const starts = Array.from({ length: plan?.startTwice === true ? 2 : 1 }, () =>
      this.#act(id, 'start', 'sam'),
    );
    await Promise.all(starts);
    let acts = [...(plan?.acts ?? [])];
    let waits: { readonly key: string; readonly sinceMs: number } | undefined;
    while (!given.aborted) {
      const shown = (await this.#ask(this.#look(id)))?.body as Shown | null | undefined;
      if (shown?.id === id) {
        if (isTerminal(shown.status as ExecutionStatus)) return shown;
        const key = `${shown.status} ${shown.waitingFor?.kind ?? ''}`;
        if (waits?.key !== key) waits = { key, sinceMs: performance.now() };
        const due = acts.filter((act) => this.#isDue(id, act));
        acts = acts.filter((act) => !due.includes(act));
        for (const { actions } of due)
          await Promise.all(actions.map((one) => this.#meddle(id, one)));
        const answer = answerTo(shown, performance.now() - waits.sinceMs);
        if (due.length === 0 && answer !== null) await this.#act(id, answer, 'bob');
      }
      await sleep(LOOK_EVERY_MS);
    }
    return undefined;
  }

  #isDue(id: string, { at }: PlannedAct): boolean {
    const seen = this.parts.progress.of(id);
    if (seen === undefined) return false;
    if ('status' in at) return seen.status === at.status;
    const isUnderWay = seen.status === 'IN_PROGRESS' || seen.status === 'CANARY_RUNNING';
    return isUnderWay && seen.percentage >= at.completed;
  }

  async #meddle(id: string, { action, person, force, twice }: PlannedAction): Promise<void> {
    await this.#act(id, action, person, { force, twice });
  }

  async #act(
    id: string,
    action: string,
    person: string,
    over: { force?: boolean; twice?: boolean; asTenant?: string } = {},
  ): Promise<void> {
    const { force = false, twice = false, asTenant } = over;
    const question = {
      ...({ by: this.parts.desk.nameOf(person), method: 'POST', action, executionId: id } as const),
      ...{ path: `upgrades/${id}/${action}`, body: { force, reason: 'it seemed right' } },
      ...(asTenant === undefined ? {} : { asTenant }),
    };
    if (twice) await this.#askTwice(question);
    else await this.#ask(question);
  }

  /** What is active now; asks until it is answered. */
  async #active(given: AbortSignal): Promise<Shown | undefined> {
    const path = `tenants/${this.fleet.tenantId}/components/${this.componentId}/upgrades/active`;
    return (await this.#insist(path, given)) as Shown | undefined;
  }

  async #insist(path: string, given: AbortSignal): Promise<unknown> {
    while (!given.aborted) {
      const answer = await this.#ask({ by: 'rita', method: 'GET', path });
      if (answer?.status === 200) return answer.body;
      if (answer?.status === 404) return undefined;
      await sleep(RETRY_AFTER_MS);
    }
    throw new Error('the run was given up');
  }

  #look(id: string): Omit<Question, 'tenantId'> {
    return { by: 'bob', method: 'GET', path: `upgrades/${id}`, executionId: id };
  }

  /** Of whichever replica. */
  #ask(question: Omit<Question, 'tenantId'>): Promise<Answer | undefined> {
    const { tenantId } = this.fleet;
    return this.parts.desk.ask({ ...question, tenantId }, this.#chance.between(0, 1));
  }
}

/** Answered for good; a key that is in flight, or a part that is away, is asked for again. */
function isSettled(answer: Answer | undefined): boolean {
  if (answer === undefined || answer.status >= 500) return false;
  const { code } = (answer.body ?? {}) as { code?: string };
  return code !== 'IDEMPOTENCY_KEY_IN_FLIGHT';
}

/** What a process needs to be of this version, as `apps/fleet-agent` reads it. */
export function artifactsOf(
  version: string,
  quality: PlannedUpgrade['quality'] = 'GOOD',
): Record<string, string> {
  return {
    ...{ command: 'node', entry: 'test/chaos/versioned-greeter.mjs' },
    'env.GREETER_VERSION': version,
    ...(quality === 'LIES' ? { 'env.GREETER_REPORTS': '0.9.9' } : {}),
    ...(quality === 'NEVER_HEALTHY' ? { 'env.GREETER_PROBLEM': 'has lost its dictionary' } : {}),
  };
}

function requestOf(
  plan: PlannedUpgrade,
  last: Shown | undefined,
  componentId: string,
  fromVersionId: string,
  toVersionId: string,
): Record<string, unknown> {
  // What an upgrade that failed has left down would stand against every later one.
  const isWhole =
    last === undefined || last.status === 'COMPLETED' || last.status === 'ROLLED_BACK';
  const skipped = ['HEALTH_ENDPOINTS', 'RESOURCE_AVAILABILITY'].map((check) => {
    return { check, reason: 'the one before has left some down' };
  });
  const { strategy, batchSize, maxUnavailablePercentage, failureThreshold } = plan;
  const { autoRollbackEnabled, canaryPercentage, autoPromote, blueGreenRetentionSeconds } = plan;
  return {
    ...{ strategy, batchSize, maxUnavailablePercentage, failureThreshold, autoRollbackEnabled },
    ...{ canaryPercentage, autoPromote, blueGreenRetentionSeconds },
    ...{ componentId, fromVersionId, toVersionId, initiatedBy: 'ann', allowDowntime: true },
    ...{ batchDelaySeconds: 0, healthCheckIntervalSeconds: 0, canaryDurationSeconds: 60 },
    healthCheckTimeoutSeconds: plan.quality === 'GOOD' ? 20 : 2,
    skipChecks: isWhole ? [] : skipped,
  };
}
