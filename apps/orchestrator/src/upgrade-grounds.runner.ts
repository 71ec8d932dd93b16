/** What a new upgrade depends on: read and asked in the same way to create it and to preview it. */
import type { UpgradeJudgement } from '#core/compatibility/compatibility.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { TargetFacts, UpgradeGrounds, UpgradeRequest } from './create-upgrade.js';
import type { RegistryStore } from './persistence/registry.store.js';
import { Refusal } from './refusal.js';
import { unusable } from './registry.runner.js';
import type { TargetDesk } from './target-desk.js';

/** Throws a Refusal that names the fields when component or versions are not registered. */
export async function readGrounds(
  registry: RegistryStore,
  asked: {
    readonly tenantId: string;
    readonly request: UpgradeRequest;
    readonly revertOf: string | null;
  },
): Promise<UpgradeGrounds> {
  const { tenantId, request, revertOf } = asked;
  const { componentId, fromVersionId, toVersionId } = request;
  const [component, ends, versions, paths, deployment, neighbours] = await Promise.all([
    registry.component(componentId),
    registry.versionsById([fromVersionId, toVersionId]),
    registry.allVersions(componentId),
    registry.allPaths(componentId),
    registry.deployment(tenantId, componentId),
    registry.neighbours(tenantId, componentId, REQUEST_LIMITS.neighboursMax),
  ]);
  const from = ends.find(({ id }) => id === fromVersionId);
  const to = ends.find(({ id }) => id === toVersionId);
  if (component === null || from === undefined || to === undefined) {
    throw unusable([
      ...(component === null ? [field('componentId', 'a registered component')] : []),
      ...(from === undefined ? [field('fromVersionId', 'a registered version')] : []),
      ...(to === undefined ? [field('toVersionId', 'a registered version')] : []),
    ]);
  }
  const current = versions.find(({ id }) => id === deployment?.currentVersionId);
  const currentVersion = current?.version ?? null;
  const read = { component, from, to, versions, paths, deployment, neighbours };
  const kind = revertOf === null ? 'UPGRADE' : 'REVERT';
  return { kind, revertOf, tenantId, request, currentVersion, ...read };
}

/**
 * What the target says of itself; null without one, and when it does not answer an upgrade that is
 * impossible anyway. Throws a Refusal 503 when it does not answer one that is not.
 */
export async function askTarget(
  desk: TargetDesk,
  { deployment }: UpgradeGrounds,
  judgement: UpgradeJudgement,
): Promise<TargetFacts | null> {
  const target = deployment?.target ?? null;
  if (target === null) return null;
  try {
    return await desk.ask(target);
  } catch (error) {
    // What is known to be impossible does not become possible when the target comes back.
    if (error instanceof Refusal && !judgement.valid) return null;
    throw error;
  }
}

function field(name: string, expected: string): { field: string; expected: string } {
  return { field: name, expected };
}
