/** I8: once all is over, what the rows and the deployment say is so at the target. */
import { countVersions } from '../census.js';
import { linesOf, type InstanceShown, type LineOf } from '../history.js';
import { executionsOf, hasRolledBack, type Checked, type Finding, type Ledger } from './ledger.js';

type Execution = LineOf<'EXECUTION'>;
type Standing = LineOf<'STANDING'>;

export function rowsAreTrue(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const standing of linesOf(ledger.lines, 'STANDING')) {
    const last = executionsOf(ledger, standing.fleet).at(-1);
    looked += standing.instances.length;
    findings.push(...deploymentIsTrue(ledger, standing));
    if (last === undefined) continue;
    const real = new Map(standing.instances.map((one) => [one.id, one]));
    for (const row of last.instances) {
      const version = versionOf(ledger, last, row);
      const is = real.get(row.instanceId);
      if (version === null) continue;
      // What was never touched may stand down, as an earlier execution has left it.
      const serves = row.status === 'PENDING' || (is?.admitted === true && is.healthy);
      if (is?.version === version && serves) continue;
      const what = `I8: ${row.instanceId} is ${row.status} on ${version}, and is ${JSON.stringify(is)}`;
      findings.push({ what, lines: [last.line, standing.line] });
    }
    findings.push(...setsAreTrue(ledger, last, standing));
  }
  return { looked, findings };
}

/** What a row of the last execution promises; null: it does not say. */
function versionOf(ledger: Ledger, { execution }: Execution, row: InstanceShown): string | null {
  const { id, status: ended, kind, newSet } = execution;
  switch (row.status) {
    case 'COMPLETED':
      // What a rollback left over was in other hands: how it stands is not in its row.
      return hasRolledBack(ledger, id)
        ? null
        : (ledger.versions.get(execution.toVersionId) ?? null);
    case 'ROLLED_BACK': {
      const from = row.fromVersion ?? ledger.versions.get(execution.fromVersionId) ?? null;
      return newSet === null ? from : null;
    }
    case 'PENDING': {
      // What stands as an earlier execution has left it, or was never brought at all.
      const isUnsaid = kind === 'REVERT' || newSet !== null || ended === 'FAILED';
      return isUnsaid ? null : row.fromVersion;
    }
    default:
      return null;
  }
}

function deploymentIsTrue(ledger: Ledger, standing: Standing): Finding[] {
  const { fleet, line, observedVersions, currentVersionId, instances } = standing;
  const counted = countVersions(instances.map(({ version }) => version));
  const findings: Finding[] = [];
  const versions = new Set([...Object.keys(counted), ...Object.keys(observedVersions)]);
  if ([...versions].some((one) => counted[one] !== observedVersions[one])) {
    const what = `${JSON.stringify(observedVersions)}, and there are ${JSON.stringify(counted)}`;
    findings.push({ what: `I8: the deployment of ${fleet} says ${what}`, lines: [line] });
  }
  const [only] = Object.keys(counted);
  const isWhole = only !== undefined && counted[only] === instances.length;
  const current = ledger.versions.get(currentVersionId ?? '');
  if (isWhole && current !== only) {
    const what = `I8: all of ${fleet} run ${only}, its current version is ${String(current)}`;
    findings.push({ what, lines: [line] });
  }
  return findings;
}

/** Traffic goes to the set the last execution says, and no set stands that nobody knows of. */
function setsAreTrue(ledger: Ledger, last: Execution, standing: Standing): Finding[] {
  const { newSet, id, status } = last.execution;
  const { live, sets, keepsSet } = standing;
  const lines = [last.line, standing.line];
  const findings: Finding[] = [];
  const isGivenUp = hasRolledBack(ledger, id) && status !== 'ROLLED_BACK';
  if (newSet !== null && !isGivenUp && newSet.state !== 'UNKNOWN') {
    const isLive = newSet.state === 'LIVE' && status !== 'ROLLED_BACK';
    if ((live === newSet.name) !== isLive) {
      findings.push({ what: `I8: ${newSet.name} is ${newSet.state}, ${live} is live`, lines });
    }
  }
  const hasLeftSets = executionsOf(ledger, standing.fleet).some(({ execution }) => {
    const isLeft = hasRolledBack(ledger, execution.id) && execution.status !== 'ROLLED_BACK';
    return execution.newSet !== null && (execution.newSet.leftBehind !== null || isLeft);
  });
  const most = keepsSet ? 2 : 1;
  if (!hasLeftSets && sets.length > most) {
    findings.push({ what: `I8: ${standing.fleet} has the sets ${sets.join(', ')}`, lines });
  }
  return findings;
}
