/** The example: component `greeter` in eight versions, deployed for tenant `demo`. */
import type {
  ComponentAnswer,
  DeploymentAnswer,
  PathAnswer,
  RegistryApi,
  VersionAnswer,
} from './registry-api.js';

export const TENANT = 'demo';
export const COMPONENT = 'greeter';
export const FIRST_VERSION = '1.0.0';
export const INSTANCES = 8;

/** What each version of examples/greeter is, as its README says. */
export const GREETER_VERSIONS: Readonly<Record<string, string>> = {
  '1.0.0': 'good',
  '1.1.0': 'good, greets with another text',
  '1.2.0': 'slow to start',
  '1.3.0': 'never healthy',
  '1.4.0': 'claims to be 1.0.0',
  '1.5.0': 'crashes after a while',
  '1.6.0': 'every fifth greeting is a 500',
  '1.7.0': 'turns bad after a while',
};

/** From each good version to each faulty one: without a path a skipped minor is refused. */
const PATHS: readonly (readonly [string, string])[] = ['1.0.0', '1.1.0'].flatMap((from) =>
  ['1.2.0', '1.3.0', '1.4.0', '1.5.0', '1.6.0', '1.7.0'].map((to) => [from, to] as const),
);

/** What canaries of it are held against: what the edge proxy counts of their answers. */
export const CANARY_METRICS = [
  { name: 'error-rate', source: 'TARGET', query: 'error_rate', bound: 0.05, direction: 'BELOW' },
];

/** What the registry knows of the example, by name instead of id. */
export interface ExampleFleet {
  readonly tenantId: string;
  readonly componentId: string;
  readonly versionIds: Readonly<Record<string, string>>;
  /** The version the deployment is on. */
  readonly currentVersion: string;
}

/** What a version of the greeter needs to run, as `apps/fleet-agent` reads it. */
export function artifactsOf(version: string): Record<string, string> {
  return { command: 'node', entry: `examples/greeter/${version}.mjs` };
}

/** The settings of the deployment's target. */
export function targetOf(agentUrl: string, fleet: string) {
  return { driver: 'agent', settings: { url: agentUrl, component: fleet } };
}

/**
 * Registers whatever of the example is missing, and points the deployment at the agent; nothing is
 * registered twice, so that a second start finds what the first has left.
 */
export async function registerExample(
  api: RegistryApi,
  target: ReturnType<typeof targetOf>,
  tenantId = TENANT,
): Promise<ExampleFleet> {
  const componentId = await ensureComponent(api);
  const versionIds = await ensureVersions(api, componentId);
  await ensurePaths(api, componentId, versionIds);
  const path = `tenants/${tenantId}/deployments/${componentId}`;
  const currentVersion = await ensureDeployment(api, path, versionIds, target);
  return { tenantId, componentId, versionIds, currentVersion };
}

export function idOf(versionIds: ExampleFleet['versionIds'], version: string): string {
  const id = versionIds[version];
  if (id === undefined) throw new Error(`${COMPONENT} ${version} is not registered`);
  return id;
}

async function ensureComponent(api: RegistryApi): Promise<string> {
  const known = await api.all<ComponentAnswer>('components');
  const found = known.find(({ name }) => name === COMPONENT);
  if (found !== undefined) return found.id;
  const added = await api.post<ComponentAnswer>('components', {
    name: COMPONENT,
    displayName: 'Greeter',
    kind: 'API',
    stateless: true,
    description: 'A small service to upgrade: examples/greeter',
  });
  return added.id;
}

async function ensureVersions(
  api: RegistryApi,
  componentId: string,
): Promise<Record<string, string>> {
  const path = `components/${componentId}/versions`;
  const known = await api.all<VersionAnswer>(path);
  const ids = Object.fromEntries(known.map(({ version, id }) => [version, id]));
  for (const version of Object.keys(GREETER_VERSIONS)) {
    ids[version] ??= (
      await api.post<VersionAnswer>(path, {
        version,
        artifacts: artifactsOf(version),
        drainTimeoutSeconds: 10,
        smokeTests: [],
        canaryMetrics: CANARY_METRICS,
      })
    ).id;
  }
  return ids;
}

async function ensurePaths(
  api: RegistryApi,
  componentId: string,
  versionIds: ExampleFleet['versionIds'],
): Promise<void> {
  const known = await api.all<PathAnswer>(`upgrade-paths?componentId=${componentId}`);
  const isKnown = (from: string, to: string): boolean =>
    known.some(({ fromVersionId, toVersionId }) => fromVersionId === from && toVersionId === to);
  for (const [from, to] of PATHS) {
    const [fromVersionId, toVersionId] = [idOf(versionIds, from), idOf(versionIds, to)];
    if (isKnown(fromVersionId, toVersionId)) continue;
    await api.post('upgrade-paths', { componentId, fromVersionId, toVersionId, tested: true });
  }
}

/** A deployment that is there keeps its version: only where it runs is brought up to date. */
async function ensureDeployment(
  api: RegistryApi,
  path: string,
  versionIds: ExampleFleet['versionIds'],
  target: ReturnType<typeof targetOf>,
): Promise<string> {
  const found = await api.find<DeploymentAnswer>(path);
  const currentVersionId = found?.currentVersionId ?? idOf(versionIds, FIRST_VERSION);
  const isThere = JSON.stringify(found?.target?.settings) === JSON.stringify(target.settings);
  if (!isThere) await api.put<DeploymentAnswer>(path, { target, currentVersionId });
  const [version] = Object.entries(versionIds).find(([, id]) => id === currentVersionId) ?? [];
  return version ?? FIRST_VERSION;
}
