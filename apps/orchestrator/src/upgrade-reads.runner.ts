import { allowedActions } from '#core/execution/decide.js';
import { progressOf } from '#core/execution/effects.js';
import {
  INSTANCE_STATUSES,
  isTerminal,
  touched,
  type Execution,
  type InstanceStatus,
  type LeftOver,
} from '#core/execution/execution.js';
import type { Progress } from '#core/execution/execution-facts.js';
import type { ActionType } from '#core/execution/execution-inputs.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import type {
  ExecutionStore,
  ListFilter,
  StoredExecution,
  StoredInstance,
} from './persistence/execution.store.js';
import { notFound } from './refusal.js';

export type { ListFilter, StoredExecution, StoredInstance };

/** An execution with what is reckoned from it when it is shown. */
export interface ShownUpgrade {
  readonly stored: StoredExecution;
  readonly progress: Progress;
  readonly allowedActions: readonly ActionType[];
  /** The first REQUEST_LIMITS.instancesShown; null in lists, where nobody asked for them. */
  readonly restored: readonly string[] | null;
  /** What a rollback has not brought back: the first REQUEST_LIMITS.instancesShown. */
  readonly leftOver: readonly LeftOver[];
}

/** What a touched instance may have been left in by a rollback that ended. */
export const LEFT_OVER_STATUSES = INSTANCE_STATUSES.filter(
  (status) => status !== 'PENDING' && status !== 'ROLLED_BACK',
);

/** The agent was stopped, or fell silent, before it said anything of the instance. */
const NOT_TAKEN_BACK =
  'the rollback ended before it was taken back; its target knows how it stands';

/** Reads executions for people. What is another tenant's is not there. */
export class UpgradeReadsRunner {
  constructor(private readonly store: ExecutionStore) {}

  /** @param tenantId as claimed by `X-Tenant-Id`; null when nobody claims one */
  async get(id: string, tenantId: string | null): Promise<ShownUpgrade> {
    return this.shown(await this.#owned(id, tenantId));
  }

  async list(filter: ListFilter): Promise<ShownUpgrade[]> {
    const found = await this.store.list(filter);
    return found.map((stored) => ({
      ...reckonedFrom(stored),
      restored: null,
      leftOver: namedLeftOver(stored.execution),
    }));
  }

  async active(tenantId: string, componentId: string): Promise<ShownUpgrade> {
    const stored = await this.store.active(tenantId, componentId);
    if (stored === null) throw notFound('active upgrade of component', componentId);
    return this.shown(stored);
  }

  async instances(
    id: string,
    tenantId: string | null,
    filter: { statuses: readonly InstanceStatus[] | null; afterIndex: number; limit: number },
  ): Promise<StoredInstance[]> {
    await this.#owned(id, tenantId);
    return this.store.instances(id, filter);
  }

  /** Events after a sequence, and whether any can still follow them. */
  async events(
    id: string,
    tenantId: string | null,
    page: { afterSequence: number; limit: number },
  ): Promise<{ events: ProgressEvent[]; mayFollow: boolean }> {
    const { execution } = await this.#owned(id, tenantId);
    const events = await this.store.events(id, page.afterSequence, page.limit);
    const last = events.at(-1)?.data.sequence ?? page.afterSequence;
    return { events, mayFollow: execution.completedAtMs === null || last < execution.sequence };
  }

  /** An execution as it was just stored, for the answer to an action. */
  async shown(stored: StoredExecution): Promise<ShownUpgrade> {
    const { id, counters } = stored.execution;
    const limit = REQUEST_LIMITS.instancesShown;
    const restored =
      counters.ROLLED_BACK === 0
        ? []
        : await this.store.instances(id, { statuses: ['ROLLED_BACK'], afterIndex: -1, limit });
    return {
      ...reckonedFrom(stored),
      restored: restored.map(({ instanceId }) => instanceId),
      leftOver: await this.#leftOver(stored.execution),
    };
  }

  /** As the agent has named it; what it has not named by the end is named by the rows. */
  async #leftOver(execution: Execution): Promise<readonly LeftOver[]> {
    const named = namedLeftOver(execution);
    const isBySet = execution.newSet !== null && named.length > 0;
    if (leftOverCount(execution) === 0 || !isTerminal(execution.status) || isBySet) return named;
    const limit = REQUEST_LIMITS.instancesShown;
    const filter = { statuses: LEFT_OVER_STATUSES, afterIndex: -1, limit };
    const rows = await this.store.instances(execution.id, filter);
    const said = new Map(execution.rollback?.leftOver.map((one) => [one.instanceId, one.reason]));
    return rows.map(({ instanceId }) => {
      return { instanceId, reason: said.get(instanceId) ?? NOT_TAKEN_BACK };
    });
  }

  async #owned(id: string, tenantId: string | null): Promise<StoredExecution> {
    const stored = await this.store.get(id);
    if (stored === null || (tenantId !== null && stored.execution.tenantId !== tenantId)) {
      throw notFound('upgrade', id);
    }
    return stored;
  }
}

/** BLUE_GREEN: a set in an instance's place, and the reason says so. */
function namedLeftOver({ rollback, newSet }: Execution): LeftOver[] {
  const sets = [newSet?.name, newSet?.previous];
  const named = rollback?.leftOver.slice(0, REQUEST_LIMITS.instancesShown) ?? [];
  return named.map(({ instanceId, reason }) => {
    const isSet = sets.includes(instanceId);
    return { instanceId, reason: isSet ? `set ${instanceId}: ${reason}` : reason };
  });
}

/** While it runs what the agent has given up; in the end all touched ones that are not back. */
export function leftOverCount(execution: Execution): number {
  const { rollback, status, counters } = execution;
  if (rollback === null) return 0;
  return isTerminal(status) ? touched(execution) - counters.ROLLED_BACK : rollback.leftOver.length;
}

function reckonedFrom(stored: StoredExecution): Omit<ShownUpgrade, 'restored' | 'leftOver'> {
  const { execution } = stored;
  const progress = progressOf(execution);
  return { stored, progress, allowedActions: allowedActions(execution) };
}
