import type { Diagnosis, Finding } from './finding.js';

const MARKS: Readonly<Record<Finding['severity'], string>> = {
  DANGER: '✗',
  WRONG: '!',
  NOTICE: '·',
};

/** The report for a terminal: the worst first, each with what to do about it. */
export function reportLines({ findings, notLookedAt }: Diagnosis): string[] {
  const lines = findings.flatMap((each) => [...findingLines(each), '']);
  for (const part of notLookedAt) lines.push(`? not looked at: ${withoutControls(part)}`);
  if (findings.length > 0) lines.push(summaryOf(findings));
  else if (notLookedAt.length === 0) lines.push('✓ nothing found');
  else lines.push('nothing found in what was looked at');
  return lines;
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

/** Targets and topics say what they like: nothing a terminal would obey. */
function withoutControls(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}]/gu, '·');
}

/** 0: nothing found; 1: findings; 2: a part could not be asked, so nobody knows. */
export function exitCodeOf({ findings, notLookedAt }: Diagnosis): 0 | 1 | 2 {
  if (notLookedAt.length > 0) return 2;
  return findings.length > 0 ? 1 : 0;
}
