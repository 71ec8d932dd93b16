import { allowedActions } from '#core/execution/decide.js';
import { progressOf } from '#core/execution/effects.js';
import type { InstanceStatus } from '#core/execution/execution.js';
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
}

/** Reads executions for people. What is another tenant's is not there. */
export class UpgradeReadsRunner {
  constructor(private readonly store: ExecutionStore) {}

  /** @param tenantId as claimed by `X-Tenant-Id`; null when nobody claims one */
  async get(id: string, tenantId: string | null): Promise<ShownUpgrade> {
    return this.shown(await this.#owned(id, tenantId));
  }

  async list(filter: ListFilter): Promise<ShownUpgrade[]> {
    const found = await this.store.list(filter);
    return found.map((stored) => ({ ...reckonedFrom(stored), restored: null }));
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
    };
  }

  async #owned(id: string, tenantId: string | null): Promise<StoredExecution> {
    const stored = await this.store.get(id);
    if (stored === null || (tenantId !== null && stored.execution.tenantId !== tenantId)) {
      throw notFound('upgrade', id);
    }
    return stored;
  }
}

function reckonedFrom(stored: StoredExecution): Omit<ShownUpgrade, 'restored'> {
  const { execution } = stored;
  const progress = progressOf(execution);
  return { stored, progress, allowedActions: allowedActions(execution) };
}
