import type {
  InstanceOperation,
  ListQuery,
  ObservedInstance,
  OperationState,
  SetOperation,
  Fence,
  TargetDriver,
} from './target.driver.js';

/** What the contract of targets asks of a driver: all pages of a list, the end of an operation. */

/** Longest an operation of these tests may take, in real processes too. */
const OPERATION_LIMIT_MS = 20_000;
const WAIT_MS = 1_000;

export async function listAll(
  driver: TargetDriver,
  of: Pick<ListQuery, 'set'> = {},
): Promise<ObservedInstance[]> {
  const all: ObservedInstance[] = [];
  let cursor: string | null = null;
  do {
    const page = await driver.list({ ...of, limit: 2, ...(cursor === null ? {} : { cursor }) });
    all.push(...page.instances);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}

/** The states once none runs any more. */
export async function ended(
  driver: TargetDriver,
  operations: readonly InstanceOperation[],
  first: readonly (OperationState | undefined)[],
): Promise<OperationState[]> {
  let states = first as readonly OperationState[];
  const endMs = Date.now() + OPERATION_LIMIT_MS;
  while (states.some((state) => state.state === 'RUNNING')) {
    if (Date.now() > endMs) throw new Error(`still running: ${JSON.stringify(states)}`);
    const open = operations.filter((_, position) => states[position]?.state === 'RUNNING');
    await driver.poll(open, WAIT_MS);
    states = await driver.poll(operations, 0);
  }
  return [...states];
}

/** Submits an operation on a set; how it stands once it does not run any more. */
export async function setEnded(
  driver: TargetDriver,
  operation: SetOperation,
  fence: Fence,
): Promise<OperationState> {
  let state = await driver.submitSet(operation, fence);
  const endMs = Date.now() + OPERATION_LIMIT_MS;
  while (state.state === 'RUNNING') {
    if (Date.now() > endMs) throw new Error(`still running: ${operation.id}`);
    state = await driver.pollSet(operation.id, WAIT_MS);
  }
  return state;
}
