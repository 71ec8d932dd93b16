import { idOf, type ExampleFleet } from './example-fleet.js';

/** Two of the example's eight instances. */
export const DEMO_UNAVAILABLE_PERCENTAGE = 25;

/**
 * An upgrade in steps that can be watched: short intervals and limits, where production would keep
 * the defaults of 30 s and more.
 */
export function upgradeRequest(
  { componentId, versionIds }: ExampleFleet,
  fromVersion: string,
  toVersion: string,
): Record<string, unknown> {
  return {
    componentId,
    fromVersionId: idOf(versionIds, fromVersion),
    toVersionId: idOf(versionIds, toVersion),
    strategy: 'ROLLING',
    batchSize: 2,
    batchDelaySeconds: 1,
    maxUnavailablePercentage: DEMO_UNAVAILABLE_PERCENTAGE,
    healthCheckIntervalSeconds: 1,
    healthCheckTimeoutSeconds: 5,
    autoRollbackEnabled: true,
    failureThreshold: 2,
    initiatedBy: 'newcomer',
  };
}

/** What to type to begin a first upgrade, with the ids that are registered here. */
export function firstUpgradeCommands(
  apiUrl: string,
  fleet: ExampleFleet,
  toVersion: string,
): string[] {
  const body = upgradeRequest(fleet, fleet.currentVersion, toVersion);
  const lines = JSON.stringify(body, null, 1).split('\n').slice(1, -1);
  return [
    `UPGRADE=$(curl -s ${apiUrl}/tenants/${fleet.tenantId}/upgrades \\`,
    `  -H 'content-type: application/json' -H 'x-actor: newcomer' -d '{`,
    ...lines.map((line) => `   ${line}`),
    `  }' | node -p 'JSON.parse(fs.readFileSync(0)).id')`,
    `curl -s -X POST ${apiUrl}/upgrades/$UPGRADE/start -H 'x-actor: newcomer'`,
    `curl -sN ${apiUrl}/upgrades/$UPGRADE/events -H 'accept: text/event-stream'`,
  ];
}
