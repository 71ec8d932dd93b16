import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { decide } from '#core/execution/decide.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { Deployment, Version } from '../registry.js';
import { aStoredExecution } from './execution.contract.js';
import type { ExecutionStore, StoredExecution } from './execution.store.js';
import { aComponent, aDeployment, aPath, aVersion } from './registry.contract.js';
import { DeploymentBusyError, RegistryFullError, type RegistryStore } from './registry.store.js';

/** The registry and the executions of one database. */
export interface RegistryAndExecutions {
  readonly registry: RegistryStore;
  readonly executions: ExecutionStore;
  /** More versions of this one's component, all at once. */
  fill(like: Version, count: number): Promise<void>;
  close(): Promise<void>;
}

/** Where a list goes on whose page before ended with a later row. */
const LATER = { createdAtMs: 5_001, id: randomUUID() };

export function registryRacesContract(open: () => Promise<RegistryAndExecutions>): void {
  let under: RegistryAndExecutions;
  let version: Version;
  let deployment: Deployment;
  let upgrade: StoredExecution;

  beforeEach(async () => {
    under = await open();
    const component = aComponent();
    version = aVersion(component.id);
    deployment = aDeployment(version);
    await under.registry.insertComponent(component);
    await under.registry.insertVersion(version);
    await under.registry.putDeployment(deployment);
    const { tenantId, componentId } = deployment;
    upgrade = aStoredExecution({ tenantId, componentId });
  });
  afterEach(() => under.close());

  const stands = () => under.registry.deployment(deployment.tenantId, deployment.componentId);

  async function runToItsEnd({ execution }: StoredExecution, handOver: number): Promise<void> {
    const standby = { set: 'main', versionId: version.id, retireAtMs: 1 };
    const reached = { ...execution, handOver, revision: execution.revision + 1 };
    const cancel = { type: 'CANCEL', by: 'ann', reason: null, force: false } as const;
    const ended = decide(reached, cancel, 1);
    if (ended.kind !== 'DECIDED') throw new Error(`a cancellation was ${ended.kind}`);
    await under.executions.transaction(async (tx) => {
      await tx.save([{ before: execution, next: reached, facts: [] }]);
      await tx.recordStandby(execution, standby);
      await tx.save([{ before: reached, next: ended.next, facts: [] }]);
    });
  }

  describe('a deployment', () => {
    it('keeps its hand-over and its standby set when somebody replaces it', async () => {
      const { tenantId, componentId } = deployment;
      await under.executions.transaction((tx) => tx.insert(upgrade));
      await runToItsEnd(upgrade, 4);
      await under.registry.putDeployment({ ...deployment, id: randomUUID(), target: null });
      const after = await under.executions.transaction((tx) =>
        tx.deployment(tenantId, componentId),
      );
      expect(after).toMatchObject({ handOver: 4, standby: { set: 'main' }, target: null });
    });

    it('is not replaced by one who waited while an execution of it was created', async () => {
      const { tenantId, componentId } = deployment;
      const change = { ...deployment, platformVersion: '9.0.0' };
      let replaced: Promise<string> | undefined;
      await under.executions.transaction(async (tx) => {
        await tx.deployment(tenantId, componentId);
        replaced = under.registry.putDeployment(change).then(
          () => 'replaced',
          (error: unknown) => (error instanceof DeploymentBusyError ? 'refused' : String(error)),
        );
        // More than it would take to replace it, if nothing held it back.
        for (let round = 0; round < 20; round += 1) await tx.deployment(tenantId, componentId);
        await tx.insert(upgrade);
      });
      expect(await replaced).toBe('refused');
      expect(await stands()).toEqual(deployment);
    });
  });

  describe('a component with all the versions it may have', () => {
    it('takes exactly one of many that would be the last one', async () => {
      const { componentId } = version;
      await under.fill(version, REQUEST_LIMITS.versionsMax - 2);
      const many = [1, 2, 3, 4, 5, 6, 7, 8];
      // Each has a connection by then: no one waits for another but at the component.
      await Promise.all(many.map(() => under.registry.allVersions(componentId)));
      const asked = many.map((n) =>
        under.registry.insertVersion(aVersion(componentId, { version: `7.0.${String(n)}` })),
      );
      const answers = await Promise.allSettled(asked);
      const refused = answers.flatMap((it) =>
        it.status === 'rejected' ? [it.reason as unknown] : [],
      );
      expect(refused).toEqual(many.slice(1).map(() => expect.any(RegistryFullError)));
      expect(await under.registry.allVersions(componentId)).toHaveLength(
        REQUEST_LIMITS.versionsMax,
      );
    });

    it('leaves room for another component’s, and for its paths', async () => {
      await under.fill(version, REQUEST_LIMITS.versionsMax - 1);
      const other = aComponent();
      await under.registry.insertComponent(other);
      await under.registry.insertVersion(aVersion(other.id));
      const [to] = (await under.registry.allVersions(version.componentId)).filter(
        ({ id }) => id !== version.id,
      );
      if (to === undefined) throw new Error('the component has one version');
      await under.registry.insertPath(aPath(version, to));
      expect(await under.registry.allPaths(version.componentId)).toHaveLength(1);
    });
  });

  it('settings that one tenant changes are not another’s', async () => {
    const theirs = aDeployment(version, { tenantId: 'other' });
    await under.registry.putDeployment(theirs);
    const { componentId } = version;
    await under.registry.changeSettings('acme', componentId, { instances: 1 }, 5);
    expect(await under.registry.deployment('other', componentId)).toEqual(theirs);
  });

  it('pages lists over rows of the same moment one by one', async () => {
    const components = await Promise.all(
      [1, 2, 3].map(async () => {
        const component = aComponent({ createdAtMs: 5_000 });
        await under.registry.insertComponent(component);
        return component.id;
      }),
    );
    const found: string[] = [];
    for (let after: { createdAtMs: number; id: string } = LATER; ;) {
      const [next] = await under.registry.components({ after, limit: 1 });
      if (next === undefined) break;
      found.push(next.id);
      after = next;
    }
    expect(found).toEqual(components.toSorted().reverse());
  });
}
