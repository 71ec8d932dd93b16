/** A question as it is kept: what the watch needs to know of it later. */
import type { ExpectedCanary } from '#core/canary/canary-findings.js';
import type { WatchCommand } from '#contracts/work.messages.js';
import type { AskedWatch } from './persistence/watch.store.js';

type Command = WatchCommand['data'];

export function askedOf({ snapshot, metrics }: Command): AskedWatch {
  const { target, tenantId, componentName, to } = snapshot;
  return { target, metrics, tenant: tenantId, component: componentName, version: to.version };
}

/** A canary without a version of its own is to be on the one the upgrade leads to. */
export function canariesOf({ instances, snapshot }: Command): ExpectedCanary[] {
  return instances.map(({ id, version }) => ({ id, version: version ?? snapshot.to.version }));
}
