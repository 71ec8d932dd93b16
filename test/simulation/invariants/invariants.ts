/** All of them, in their order; and who tells them what has happened. */
import type { MemoryCommit } from '#postgres/memory-observer.js';
import type { IncomingMessage } from '#messaging/incoming-message.js';
import type {
  StoredExecution,
  StoredInstance,
} from '../../../apps/orchestrator/src/persistence/execution.store.js';
import type { FactRow } from '../../../apps/orchestrator/src/persistence/execution-tx.memory.store.js';
import type { ServiceName } from '../simulated-process.js';
import { AT_THE_PORTS } from './at-the-ports.js';
import type { Findings } from './findings.js';
import { appliedOnce } from './i01-applied-once.js';
import { nothingLost } from './i02-nothing-lost.js';
import { sequenceWithoutGap } from './i03-sequence.js';
import { withinRoom } from './i04-room.js';
import { oneActive } from './i05-one-active.js';
import { onlyLegalTransitions } from './i06-transitions.js';
import { rollbackEnds } from './i07-rollback-ends.js';
import { rowsAndTargets } from './i08-rows-and-targets.js';
import { noFailOpen } from './i09-no-fail-open.js';
import { nothingNew } from './i10-nothing-new.js';
import { ownersAlone } from './i11-owners.js';
import { allBounded } from './i12-bounds.js';
import { whoDidWhat } from './i13-who-did-what.js';
import { tenantsApart } from './i14-tenants.js';
import { allEnds } from './i15-all-ends.js';
import type {
  Invariant,
  SeenCommit,
  SeenExecution,
  SeenMessage,
  Watch,
  WorldView,
} from './invariant.js';

export const INVARIANTS: readonly Invariant[] = [
  ...[appliedOnce, nothingLost, sequenceWithoutGap, withinRoom, oneActive],
  ...[onlyLegalTransitions, rollbackEnds, rowsAndTargets, noFailOpen, nothingNew],
  ...[ownersAlone, allBounded, whoDidWhat, tenantsApart, allEnds],
  ...AT_THE_PORTS,
];

/** Tells every watch, in the order of the invariants, in the turn in which it happens. */
export class Watches implements Required<Watch> {
  readonly #watches: readonly Watch[];

  /** @param others who look on without judging, before those that judge */
  constructor(
    world: WorldView,
    private readonly findings: Findings,
    others: readonly Watch[] = [],
  ) {
    const judging = INVARIANTS.map((one) => one.watch({ world, must: findings.mustOf(one) }));
    this.#watches = [...others, ...judging];
  }

  committed(commit: SeenCommit): void {
    this.#tell((watch) => watch.committed?.(commit));
  }

  dropped(...of: Parameters<Required<Watch>['dropped']>): void {
    this.#tell((watch) => watch.dropped?.(...of));
  }

  appended(message: SeenMessage): void {
    this.#tell((watch) => watch.appended?.(message));
  }

  acted(...of: Parameters<Required<Watch>['acted']>): void {
    this.#tell((watch) => watch.acted?.(...of));
  }

  submitted(...of: Parameters<Required<Watch>['submitted']>): void {
    this.#tell((watch) => watch.submitted?.(...of));
  }

  async submitting(...of: Parameters<Required<Watch>['submitting']>): Promise<() => Promise<void>> {
    const looks: (() => Promise<void>)[] = [];
    for (const watch of this.#watches) {
      const look = await watch.submitting?.(...of);
      if (look !== undefined) looks.push(look);
    }
    return async () => {
      for (const look of looks) await look();
    };
  }

  looked(...of: Parameters<Required<Watch>['looked']>): void {
    this.#tell((watch) => watch.looked?.(...of));
  }

  answered(...of: Parameters<Required<Watch>['answered']>): void {
    this.#tell((watch) => watch.answered?.(...of));
  }

  believed(...of: Parameters<Required<Watch>['believed']>): void {
    this.#tell((watch) => watch.believed?.(...of));
  }

  overtaken(...of: Parameters<Required<Watch>['overtaken']>): void {
    this.#tell((watch) => watch.overtaken?.(...of));
  }

  rolledBack(...of: Parameters<Required<Watch>['rolledBack']>): void {
    this.#tell((watch) => watch.rolledBack?.(...of));
  }

  accepted(...of: Parameters<Required<Watch>['accepted']>): void {
    this.#tell((watch) => watch.accepted?.(...of));
  }

  refused(...of: Parameters<Required<Watch>['refused']>): void {
    this.#tell((watch) => watch.refused?.(...of));
  }

  async ended(): Promise<void> {
    for (const watch of this.#watches) await watch.ended?.();
  }

  /** A watch that fails must not pass for a fault of whatever it looks at: services survive those. */
  #tell(look: (watch: Watch) => void): void {
    for (const watch of this.#watches) {
      try {
        look(watch);
      } catch (error) {
        this.findings.report(`a watch has failed: ${String(error)}`);
      }
    }
  }
}

/** A commit in the words of the rules. */
export function seenCommit(
  service: ServiceName,
  commit: MemoryCommit,
  world: Pick<WorldView, 'instances'>,
): SeenCommit {
  const executions = service === 'orchestrator' ? seenExecutions(commit, world) : [];
  return { ...commit, service, executions };
}

function seenExecutions(
  { changes }: MemoryCommit,
  world: Pick<WorldView, 'instances'>,
): SeenExecution[] {
  const executions = changes.filter(({ table }) => table === 'executions');
  return executions.map(({ key: id, before, after }) => {
    const rows = changes.find(({ table, key }) => table === 'instances' && key === id);
    const instancesAfter = world.instances(id);
    const unchanged = rows === undefined ? instancesAfter : [];
    const facts = changes.flatMap(({ table, after: row }) => {
      if (table !== 'facts' || row === undefined) return [];
      const { executionId, fact } = row as FactRow;
      return executionId === id ? [fact] : [];
    });
    return {
      id,
      before: (before as StoredExecution | undefined)?.execution ?? null,
      after: (after as StoredExecution).execution,
      facts: facts.sort((a, b) => a.sequence - b.sequence),
      instancesBefore: (rows?.before ?? unchanged) as readonly StoredInstance[],
      instancesAfter,
    };
  });
}

/** A message as its envelope says; null: it has none, as what was never one of ours. */
export function seenMessage({ topic, key, value }: IncomingMessage): SeenMessage {
  const text = value?.toString() ?? '';
  const { id = '', data = {} } = JSON.parse(text) as Partial<SeenMessage['event']>;
  return { topic, key: key?.toString() ?? '', text, event: { id, data } };
}
