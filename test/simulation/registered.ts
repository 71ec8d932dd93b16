/** What the registry of the simulated world holds: one component, its versions, its deployments. */
import type { Component, Deployment, Version } from '../../apps/orchestrator/src/registry.js';
import type { MemoryTx } from '#postgres/memory-service-database.js';
import type { Upgrade } from './upgrades.js';

export const COMPONENT = '00000000-0000-4000-8000-00000000000c';

export interface SimulatedVersion {
  readonly id: string;
  readonly version: string;
  readonly artifacts: Record<string, string>;
}

const version = (digit: string, number: string): SimulatedVersion => {
  return { id: `00000000-0000-4000-8000-00000000000${digit}`, version: number, artifacts: {} };
};
export const FROM = version('a', '1.0.0');
export const TO = version('b', '1.1.0');
/** What an upgrade after the upgrade leads to. */
export const NEXT = version('d', '1.2.0');

const REGISTERED = { createdAtMs: 0, updatedAtMs: 0 };

function componentRow(): Component {
  return {
    ...{ ...REGISTERED, id: COMPONENT, name: 'orders', displayName: 'Orders', kind: 'API' },
    ...{ stateless: true, description: null },
  };
}

function versionRow(
  { id, version, artifacts }: SimulatedVersion,
  smokeTests: Version['smokeTests'],
): Version {
  return {
    ...{ ...REGISTERED, id, componentId: COMPONENT, version, artifacts, status: 'RELEASED' },
    ...{ releaseDate: null, minPlatformVersion: null, maxPlatformVersion: null, requires: {} },
    ...{ smokeTests, canaryMetrics: [], drainTimeoutSeconds: 5, lts: false },
    recommended: false,
  };
}

interface DeploymentRow extends Deployment {
  readonly handOver: number;
}

function deploymentRow({ create }: Upgrade): DeploymentRow {
  const { tenantId, componentId, snapshot, plan } = create;
  return {
    ...{ ...REGISTERED, id: componentId, tenantId, componentId, target: snapshot.target },
    ...{ currentVersionId: plan.from.id, observedVersions: {}, platformVersion: null },
    ...{ standbySet: null, handOver: 0 },
  };
}

export function deploymentKey({ create }: Upgrade): string {
  return `${create.tenantId}/${create.componentId}`;
}

/** Registers what an upgrade is about, unless it is registered already. */
export async function register(tx: MemoryTx, upgrade: Upgrade): Promise<void> {
  const rows: [string, string, unknown][] = [
    ['components', COMPONENT, componentRow()],
    ...[FROM, TO, NEXT].map((one): [string, string, unknown] => [
      'versions',
      one.id,
      versionRow(one, upgrade.create.smokeTests),
    ]),
    ['deployments', deploymentKey(upgrade), deploymentRow(upgrade)],
  ];
  for (const [name, key, row] of rows) {
    const table = tx.table(name);
    if ((await table.get(key)) === undefined) await table.put(key, row);
  }
}
