/** Deployments against what their targets say. Pure. */
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Finding, Repair } from './finding.js';
import type { DeploymentSeen, ExecutionSeen, Seen, ServiceSeen, TargetSeen } from './seen.js';
import { afterNewHandOver } from './waiting.js';

export function fleetFindings(seen: Seen): Finding[] {
  const executions = new Map(seen.executions.map((each) => [each.id, each]));
  return seen.deployments.flatMap((deployment) => {
    const { target, activeExecutionId } = deployment;
    if (target === null) return [];
    const execution = executions.get(activeExecutionId ?? '');
    return [
      ...fenceFindings(deployment, target, execution, seen.services),
      ...setFindings(deployment, target),
      ...differenceFindings(deployment, execution),
      ...(activeExecutionId === null ? versionFindings(deployment, target) : []),
    ];
  });
}

function headOf({ tenantId, componentId, componentName }: DeploymentSeen) {
  return { tenantId, about: `deployment of ${componentName} (${componentId})` } as const;
}

function fenceFindings(
  deployment: DeploymentSeen,
  { highestFence }: TargetSeen,
  execution: ExecutionSeen | undefined,
  services: readonly ServiceSeen[],
): Finding[] {
  if (highestFence === null) return [];
  const { tenantId, componentId } = deployment;
  const { handOver, epoch } = highestFence;
  const fence = `(hand-over ${String(handOver)}, epoch ${String(epoch)})`;
  const todo = 'stop all services, `npm run doctor -- --fix`, start them again';
  const known = Math.max(deployment.handOver, execution?.handOver ?? 0);
  if (handOver > known || (execution?.isActive === true && handOver > execution.handOver)) {
    const repairs: Repair[] = [{ kind: 'RAISE_HAND_OVER', tenantId, componentId, handOver }];
    if (execution?.isActive === true) {
      const { id: executionId, sequence } = execution;
      repairs.push({ kind: 'GO_ON_BEHIND', executionId, sequence, handOver });
    }
    const then = execution?.isActive === true ? afterNewHandOver(execution) : '';
    return [
      {
        ...headOf(deployment),
        code: 'FENCE_AHEAD',
        severity: 'DANGER',
        is: `its target has been driven at ${fence}, the database knows hand-over ${String(execution?.handOver ?? known)}`,
        expected: 'no fence at the target that the database has not given out',
        means:
          'The database went back in time: the target refuses every operation of ours for ever.',
        todo: `${todo}${then}`,
        repairs,
      },
    ];
  }
  if (execution?.isActive !== true || handOver < execution.handOver) return [];
  const driver = execution.status === 'ROLLING_BACK' ? 'rollback-agent' : 'orchestrator';
  const lease = services
    .find(({ name }) => name === driver)
    ?.leases.find(({ shard }) => shard === execution.shard);
  if (lease === undefined || epoch <= lease.epoch) return [];
  return [
    {
      ...headOf(deployment),
      code: 'EPOCH_BEHIND',
      severity: 'DANGER',
      is: `its target has been driven at ${fence}, ${driver} owns shard ${String(lease.shard)} at epoch ${String(lease.epoch)}`,
      expected: 'an owner whose epoch is not below any the target has seen',
      means: 'The database went back in time: the target takes its owner for a stale one.',
      todo,
      repairs: [{ kind: 'RAISE_EPOCHS', above: epoch }],
    },
  ];
}

function setFindings(deployment: DeploymentSeen, { sets }: TargetSeen): Finding[] {
  const { tenantId, componentId, knownSets } = deployment;
  const unknown = sets.filter(({ name, live }) => !live && !knownSets.includes(name));
  return unknown.map(({ name }) => ({
    ...headOf(deployment),
    code: 'SET_UNKNOWN',
    severity: 'WRONG',
    is: `its target runs a set \`${name}\` beside the live one, of which the database knows nothing`,
    expected: 'the live set, and one that an upgrade makes or keeps',
    means: 'It costs what it costs and nobody will retire it.',
    todo:
      'retire it at the target itself, once it is certain that nothing uses it; see GET ' +
      `tenants/${tenantId}/deployments/${componentId}`,
    repairs: [],
  }));
}

function differenceFindings(
  deployment: DeploymentSeen,
  execution: ExecutionSeen | undefined,
): Finding[] {
  const { differences } = deployment;
  if (differences.length === 0 || execution === undefined) return [];
  const named = differences
    .slice(0, DOCTOR_LIMITS.namedMax)
    .map(({ instanceId, status, expected, reports }) => {
      return `${instanceId} is ${status}, so on ${expected}, and reports ${reports}`;
    });
  const more = differences.length - named.length;
  return [
    {
      ...headOf(deployment),
      code: 'INSTANCE_ELSEWHERE',
      severity: 'WRONG',
      is: `${named.join('; ')}${more > 0 ? `; and ${String(more)} more` : ''}`,
      expected: `instances where the rows of execution ${execution.id} say`,
      means:
        'The database went back in time, or somebody else changed the fleet. An instance that is ' +
        'there already is found there when its turn comes: nothing is done twice.',
      todo: execution.isActive
        ? `let it go on after the other findings are mended, or POST upgrades/${execution.id}/rollback`
        : 'see the deployment',
      repairs: [],
    },
  ];
}

function versionFindings(deployment: DeploymentSeen, { versions, silent }: TargetSeen): Finding[] {
  const { tenantId, componentId, currentVersion, observedVersions } = deployment;
  // Who does not answer runs something, and nobody knows what.
  if (silent > 0 || currentVersion === null) return [];
  const recorded = Object.values(observedVersions).reduce((sum, count) => sum + count, 0);
  const expected = recorded > 0 ? observedVersions : null;
  const isAsRecorded =
    expected === null
      ? Object.keys(versions).every((version) => version === currentVersion)
      : countsOf(versions) === countsOf(expected);
  if (isAsRecorded) return [];
  return [
    {
      ...headOf(deployment),
      code: 'FLEET_ELSEWHERE',
      severity: 'WRONG',
      is: `its target runs ${countsOf(versions) || 'nothing'}`,
      expected: expected === null ? `all on ${currentVersion}` : countsOf(expected),
      means:
        'The database went back in time, or somebody else changed the fleet: the next upgrade would ' +
        'begin from a version that does not run.',
      todo:
        `PUT tenants/${tenantId}/deployments/${componentId} with the currentVersionId of what runs; ` +
        'a mix is put right by an upgrade from its current version',
      repairs: [],
    },
  ];
}

function countsOf(versions: Readonly<Record<string, number>>): string {
  return Object.entries(versions)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, count]) => `${String(count)} × ${version}`)
    .join(', ');
}
