import { withoutControls } from '../terminal-text.js';
import type { Diagnosis, Finding, LookedAt } from './finding.js';

const MARKS: Readonly<Record<Finding['severity'], string>> = {
  DANGER: '✗',
  WRONG: '!',
  NOTICE: '·',
};

/** The report for a terminal: the worst first, each with what to do about it. */
export function reportLines({ lookedAt, findings, notLookedAt }: Diagnosis): string[] {
  const lines = findings.flatMap((each) => [...findingLines(each), '']);
  lines.push(scopeLine(lookedAt), ...unseenLines(notLookedAt));
  if (findings.length > 0) lines.push(summaryOf(findings));
  else if (notLookedAt.length === 0) lines.push('✓ nothing found');
  else lines.push('nothing found in what was looked at');
  return lines;
}

/** Ends when the services start: they own what was nobody's, and make the topics they need. */
const ENDS_AT_THE_START = ['SHARD_UNOWNED', 'TOPIC_MISSING'];

/** After a repair, all services stopped: what the next look has found and their start does not end. */
export function leftOf({ findings }: Diagnosis): Finding[] {
  return findings.filter(({ code }) => !ENDS_AT_THE_START.includes(code));
}

/** What `--fix` has done, by its own lines, and what the look after it still finds. */
export function mendedLines(done: readonly string[], after: Diagnosis): string[] {
  const left = leftOf(after).map(({ severity, code, about, tenantId, todo }) => {
    const whose = tenantId === null ? '' : `, tenant ${tenantId}`;
    return withoutControls(`${MARKS[severity]} left: ${code}   ${about}${whose}: ${todo}`);
  });
  const lines = [
    ...(done.length === 0 ? ['nothing that `--fix` mends'] : done.map((line) => `✓ ${line}`)),
    ...left,
    ...unseenLines(after.notLookedAt),
  ];
  const whole = `mended: ${String(done.length)}; left: ${String(left.length)}`;
  return [...lines, `${whole}. Start the services, then run it once more`];
}

function unseenLines(notLookedAt: readonly string[]): string[] {
  return notLookedAt.map((part) => `? not looked at: ${withoutControls(part)}`);
}

function scopeLine({ tenant, deployments, executions }: LookedAt): string {
  const counts = `${String(deployments)} deployments and ${String(executions)} executions`;
  if (tenant === null) return `looked at the installation, and at ${counts} of all tenants`;
  return (
    `looked at ${counts} of tenant ${withoutControls(tenant)}; not at other tenants, and not at the ` +
    'installation: schemas, shards, outboxes, timers, clocks, offsets, dead letters'
  );
}

function findingLines(finding: Finding): string[] {
  const { code, severity, about, tenantId, is, expected, means, todo, repairs } = finding;
  const whose = tenantId === null ? '' : `, tenant ${tenantId}`;
  const fixes = repairs.length > 0 ? '   (--fix)' : '';
  return [
    `${MARKS[severity]} ${severity} ${code}   ${about}${whose}${fixes}`,
    `  is        ${is}`,
    `  expected  ${expected}`,
    `  means     ${means}`,
    `  do        ${todo}`,
  ].map(withoutControls);
}

function summaryOf(findings: readonly Finding[]): string {
  const counts = Map.groupBy(findings, ({ severity }) => severity);
  const said = [...counts].map(([severity, all]) => `${String(all.length)} ${severity}`).join(', ');
  const fixable = findings.filter(({ repairs }) => repairs.length > 0).length;
  const fix = fixable > 0 ? `; \`--fix\` mends ${String(fixable)} of them, services stopped` : '';
  return `${String(findings.length)} findings: ${said}${fix}`;
}

/** 0: nothing found, or left; 1: findings; 2: a part could not be asked, so nobody knows. */
export function exitCodeOf({
  findings,
  notLookedAt,
}: Pick<Diagnosis, 'findings' | 'notLookedAt'>): 0 | 1 | 2 {
  if (notLookedAt.length > 0) return 2;
  return findings.length > 0 ? 1 : 0;
}
