/** What random executions do, decision by decision, as it is to be written to a store. */
import type { Input } from '#core/execution/execution-inputs.js';
import type { Request } from '#core/execution/execution-requests.js';
import { RandomWalk } from '#testing/random-walk.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { ExecutionChange, ExecutionTx, NewInstance } from './execution.store.js';

export interface Written {
  readonly change: ExecutionChange;
  readonly added: readonly NewInstance[];
  readonly named: { readonly first: number; readonly ids: readonly string[] } | null;
  readonly requests: readonly Request[];
}

interface Named {
  readonly id: string;
  readonly tenantId: string;
  readonly componentId: string;
}

/** All decisions of one walk, as those of the execution with these names. */
export function decisionsOf(random: SeededRandom, names: Named): Written[] {
  const walk = new RandomWalk(random.fork());
  const written: Written[] = [];
  const { world } = walk;
  const take = world.take.bind(world);
  world.take = (input) => {
    const before = { ...world.execution, ...names };
    const decision = take(input);
    if (decision.kind === 'DECIDED') {
      const { next, facts, requests } = decision;
      const change = { before, next: { ...next, ...names }, facts };
      written.push({ change, requests, ...rowsOf(random, input, change) });
    }
    return decision;
  };
  walk.run();
  return written;
}

const VERSIONS = ['1.0.0', '0.9.0', '2.0.0', null] as const;

/** The rows of instances that come and are named with a decision. */
function rowsOf(
  random: SeededRandom,
  input: Input,
  { before, next }: ExecutionChange,
): Pick<Written, 'added' | 'named'> {
  const added = Array.from({ length: next.total - before.total }, (_, at) => {
    const index = before.total + at;
    const fromVersion = random.pick(VERSIONS);
    const instanceId = next.plan.strategy === 'BLUE_GREEN' ? '' : `i-${String(index)}`;
    return { index, instanceId, fromVersion };
  });
  const first = before.newSet?.named ?? 0;
  const count = (next.newSet?.named ?? 0) - first;
  if (input.type !== 'SET_LISTED' || count <= 0) return { added, named: null };
  const ids = Array.from({ length: count }, (_, at) => `n-${String(first + at)}`);
  return { added, named: { first, ids } };
}

/** Writes decisions of several executions in one transaction, as the engine does it. */
export async function write(tx: ExecutionTx, all: readonly Written[], nowMs: number) {
  await tx.lock(
    all.map(({ change }) => change.next.id),
    'wait',
  );
  for (const { change, added, named } of all) {
    await tx.addInstances(change.next.id, added, nowMs);
    if (named !== null) await tx.nameInstances(change.next.id, named.first, named.ids);
  }
  const taken = await tx.save(all.map(({ change }) => change));
  for (const { change, requests } of all) {
    for (const request of requests) {
      if (request.type !== 'RECORD_DEPLOYMENT') continue;
      const { currentVersionId, leftOver } = request;
      await tx.recordDeployment({ execution: change.next, currentVersionId, leftOver });
    }
  }
  return taken;
}
