import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { Component, Deployment, UpgradePath, Version } from '../registry.js';
import {
  AlreadyRegisteredError,
  DeploymentBusyError,
  type RegistryStore,
} from './registry.store.js';

/** What an implementation brings: an empty store, and a way to pretend that an execution runs. */
export interface RegistryUnderTest {
  readonly store: RegistryStore;
  beginExecution(tenantId: string, componentId: string): Promise<string>;
  close(): Promise<void>;
}

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function aComponent(more: Partial<Component> = {}): Component {
  const id = randomUUID();
  return {
    id,
    name: `component-${id}`,
    displayName: 'A component',
    kind: 'API',
    stateless: false,
    description: null,
    createdAtMs: AT_MS,
    updatedAtMs: AT_MS,
    ...more,
  };
}

export function aVersion(componentId: string, more: Partial<Version> = {}): Version {
  return {
    id: randomUUID(),
    componentId,
    version: '1.0.0',
    status: 'RELEASED',
    releaseDate: '2026-01-31',
    artifacts: { image: 'registry/api:1' },
    minPlatformVersion: null,
    maxPlatformVersion: '3.0.0',
    requires: { kafka: '>=3.5' },
    smokeTests: [
      { method: 'GET', path: '/', expectedStatus: 409, body: { a: [1] }, timeoutSeconds: 5 },
    ],
    canaryMetrics: [],
    drainTimeoutSeconds: 30,
    lts: false,
    recommended: true,
    createdAtMs: AT_MS,
    updatedAtMs: AT_MS,
    ...more,
  };
}

export function aPath(from: Version, to: Version, more: Partial<UpgradePath> = {}): UpgradePath {
  return {
    id: randomUUID(),
    componentId: from.componentId,
    fromVersionId: from.id,
    toVersionId: to.id,
    requiresDowntime: true,
    estimatedDurationMinutes: 12,
    tested: false,
    stepsBefore: 'Tell the others',
    stepsDuring: null,
    stepsAfter: null,
    stepsBack: null,
    createdAtMs: AT_MS,
    updatedAtMs: AT_MS,
    ...more,
  };
}

export function aDeployment(version: Version, more: Partial<Deployment> = {}): Deployment {
  return {
    id: randomUUID(),
    tenantId: 'acme',
    componentId: version.componentId,
    target: { driver: 'simulated', settings: { instances: 4 } },
    currentVersionId: version.id,
    observedVersions: {},
    platformVersion: '2.1.0',
    standbySet: null,
    createdAtMs: AT_MS,
    updatedAtMs: AT_MS,
    ...more,
  };
}

export function registryContract(open: () => Promise<RegistryUnderTest>): void {
  let tested: RegistryUnderTest;
  let store: RegistryStore;
  beforeEach(async () => {
    tested = await open();
    store = tested.store;
  });
  afterEach(() => tested.close());

  const storedVersion = async (component: Component, more: Partial<Version> = {}) => {
    const version = aVersion(component.id, more);
    await store.insertVersion(version);
    return version;
  };
  const storedComponent = async (more: Partial<Component> = {}) => {
    const component = aComponent(more);
    await store.insertComponent(component);
    return component;
  };

  describe('components', () => {
    it('come back as they went in, and are unique by name', async () => {
      const component = await storedComponent({ description: 'Ä "quoted" text' });
      expect(await store.component(component.id)).toEqual(component);
      expect(await store.component(randomUUID())).toBeNull();
      const twin = aComponent({ name: component.name });
      await expect(store.insertComponent(twin)).rejects.toBeInstanceOf(AlreadyRegisteredError);
      expect(await store.component(twin.id)).toBeNull();
    });

    it('are paged, the newest first, also those of one millisecond', async () => {
      const ids = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'];
      await storedComponent({ id: ids[0]!, createdAtMs: AT_MS + 1 });
      await storedComponent({ id: ids[1]!, createdAtMs: AT_MS + 1 });
      const oldest = await storedComponent();
      const first = await store.components({ after: null, limit: 2 });
      expect(first.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
      const after = { createdAtMs: first[1]!.createdAtMs, id: first[1]!.id };
      expect(await store.components({ after, limit: 2 })).toEqual([oldest]);
    });
  });

  describe('versions', () => {
    it('come back as they went in, and are unique in their component, builds aside', async () => {
      const component = await storedComponent();
      const version = await storedVersion(component, { version: '1.0.0+build.7' });
      expect(await store.versionsById([version.id, randomUUID()])).toEqual([version]);
      expect(await store.allVersions(component.id)).toEqual([version]);
      const twin = aVersion(component.id, { version: '1.0.0+build.8' });
      await expect(store.insertVersion(twin)).rejects.toBeInstanceOf(AlreadyRegisteredError);
      const other = await storedComponent();
      await storedVersion(other, { version: '1.0.0' });
    });

    it('are listed by status', async () => {
      const component = await storedComponent();
      const draft = await storedVersion(component, { version: '1.1.0', status: 'DRAFT' });
      await storedVersion(component);
      const page = { after: null, limit: 10 };
      expect(await store.versions(component.id, ['DRAFT', 'END_OF_LIFE'], page)).toEqual([draft]);
      expect(await store.versions(component.id, null, page)).toHaveLength(2);
      expect(await store.versions(randomUUID(), null, page)).toEqual([]);
    });

    it('change only where they are told to, and can be told to be nothing', async () => {
      const component = await storedComponent();
      const version = await storedVersion(component);
      const change = { status: 'DEPRECATED', maxPlatformVersion: null, lts: true } as const;
      const changed = await store.changeVersion(component.id, version.id, change, AT_MS + 5);
      expect(changed).toEqual({ ...version, ...change, updatedAtMs: AT_MS + 5 });
      expect(await store.versionsById([version.id])).toEqual([changed]);
      const whole = {
        releaseDate: null,
        artifacts: { a: 'b' },
        minPlatformVersion: '1.0.0',
        requires: {},
        smokeTests: [],
        canaryMetrics: [
          {
            name: 'errors',
            source: 'PROMETHEUS',
            query: 'q',
            bound: 0.5,
            direction: 'BELOW',
            initialDelaySeconds: 60,
          },
        ],
        drainTimeoutSeconds: 1,
        recommended: false,
      } as const;
      const again = await store.changeVersion(component.id, version.id, whole, AT_MS + 6);
      expect(again).toEqual({ ...changed, ...whole, updatedAtMs: AT_MS + 6 });
    });

    it('are not found under another component', async () => {
      const version = await storedVersion(await storedComponent());
      const other = await storedComponent();
      expect(await store.changeVersion(other.id, version.id, { lts: true }, AT_MS)).toBeNull();
      expect(await store.versionsById([version.id])).toEqual([version]);
    });
  });

  describe('paths', () => {
    it('come back as they went in, and are unique by their two versions', async () => {
      const component = await storedComponent();
      const from = await storedVersion(component);
      const to = await storedVersion(component, { version: '2.0.0' });
      const path = aPath(from, to);
      await store.insertPath(path);
      expect(await store.allPaths(component.id)).toEqual([path]);
      expect(await store.paths(component.id, { after: null, limit: 5 })).toEqual([path]);
      expect(await store.paths(null, { after: null, limit: 5 })).toEqual([path]);
      expect(await store.paths(randomUUID(), { after: null, limit: 5 })).toEqual([]);
      await expect(store.insertPath(aPath(from, to))).rejects.toBeInstanceOf(
        AlreadyRegisteredError,
      );
    });
  });

  describe('deployments', () => {
    const deployed = async (more: Partial<Deployment> = {}) => {
      const version = await storedVersion(await storedComponent());
      const deployment = aDeployment(version, more);
      return { version, ...(await store.putDeployment(deployment)) };
    };

    it('are created, then replaced in what may be set of them', async () => {
      const { deployment, created, version } = await deployed();
      expect(created).toBe(true);
      expect(deployment).toEqual(aDeployment(version, { id: deployment.id }));
      const next = { ...deployment, id: randomUUID(), target: null, platformVersion: null };
      const replaced = await store.putDeployment({
        ...next,
        createdAtMs: AT_MS + 9,
        updatedAtMs: AT_MS + 9,
      });
      expect(replaced.created).toBe(false);
      expect(replaced.deployment).toEqual({ ...next, id: deployment.id, updatedAtMs: AT_MS + 9 });
      expect(await store.deployment('acme', version.componentId)).toEqual(replaced.deployment);
      expect(await store.deployment('other', version.componentId)).toBeNull();
    });

    it('are not replaced while an execution is active', async () => {
      const { deployment } = await deployed();
      const id = await tested.beginExecution(deployment.tenantId, deployment.componentId);
      const change = { ...deployment, platformVersion: '9.0.0' };
      const refused = store.putDeployment(change);
      await expect(refused).rejects.toBeInstanceOf(DeploymentBusyError);
      await expect(refused).rejects.toMatchObject({ executionId: id });
      expect(await store.deployment('acme', deployment.componentId)).toEqual(deployment);
      // Another tenant's execution is nobody's business here.
      const other = await deployed({ tenantId: 'other' });
      expect(other.created).toBe(true);
    });

    it('take new settings even then', async () => {
      const { deployment } = await deployed();
      await tested.beginExecution(deployment.tenantId, deployment.componentId);
      const { componentId } = deployment;
      const settings = { instances: 4, faults: [{ on: 'BRING', how: 'FAIL' }] };
      expect(await store.changeSettings('acme', componentId, settings, AT_MS + 1)).toBe(true);
      const target = { driver: 'simulated', settings };
      expect(await store.deployment('acme', componentId)).toEqual({
        ...deployment,
        target,
        updatedAtMs: AT_MS + 1,
      });
      expect(await store.changeSettings('acme', randomUUID(), settings, AT_MS)).toBe(false);
    });

    it('tell what runs beside a component at its tenant, and at no other', async () => {
      const { deployment } = await deployed();
      const beside = await storedComponent({ name: 'beside' });
      const version = await storedVersion(beside, { version: '4.0.0', requires: { api: '1.x' } });
      await store.putDeployment(aDeployment(version));
      await deployed({ tenantId: 'other' });
      const max = REQUEST_LIMITS.neighboursMax;
      expect(await store.neighbours('acme', deployment.componentId, max)).toEqual([
        { componentName: 'beside', version: '4.0.0', requires: { api: '1.x' } },
      ]);
      expect(await store.neighbours('acme', deployment.componentId, 0)).toEqual([]);
    });
  });
}
