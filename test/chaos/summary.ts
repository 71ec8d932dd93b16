/** What a run comes to, for a person. */
import type { ChaosRun } from './chaos-run.js';
import type { NamedCheck } from './checks/checks.js';
import { linesOf, type Line } from './history.js';

const FINDINGS_SHOWN = 20;
const LINES_SHOWN = 6;

export interface Summary {
  readonly lines: readonly string[];
  readonly isClean: boolean;
}

export function summaryOf(
  history: readonly Line[],
  checks: readonly NamedCheck[],
  run?: Pick<ChaosRun, 'served'>,
): Summary {
  const executions = linesOf(history, 'EXECUTION').map(({ execution }) => execution);
  const blows = linesOf(history, 'BLOW').filter(({ phase }) => phase === 'BEGINS');
  const asked = linesOf(history, 'ASKED').length;
  const lost = linesOf(history, 'LOST').length;
  const served = run === undefined ? [] : [`requests of clients: ${String(run.served)} served`];
  const findings = checks.flatMap((check) => check.findings);
  return {
    isClean: findings.length === 0,
    lines: [
      `upgrades: ${tally(executions.map(({ status }) => status))}`,
      `strategies: ${tally(executions.map(({ strategy, kind }) => (kind === 'REVERT' ? `revert of ${strategy}` : strategy)))}`,
      `blows: ${tally(blows.map(({ what }) => what))}`,
      `events: ${String(linesOf(history, 'EVENT').length)}`,
      `requests to the API: ${String(asked)}, of them ${String(lost)} never answered`,
      ...served,
      'checks:',
      ...checks.map(({ name, looked, findings: { length } }) => {
        // Whoever has seen nothing of the kind has nothing to say of it.
        const mark = length > 0 ? '✗' : looked > 0 ? '✓' : '–';
        return `  ${mark} ${name} (looked ${String(looked)} times)`;
      }),
      ...findings.slice(0, FINDINGS_SHOWN).map(({ what, lines }) => {
        const shown = lines.slice(0, LINES_SHOWN).join(', ');
        return `  WRONG  ${what} (line ${shown}${lines.length > LINES_SHOWN ? ', …' : ''})`;
      }),
      ...(findings.length > FINDINGS_SHOWN
        ? [`  and ${String(findings.length - FINDINGS_SHOWN)} more`]
        : []),
    ],
  };
}

/** `12: COMPLETED 9, FAILED 3`, the most frequent first. */
function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const inOrder = [...counts].sort(([, one], [, other]) => other - one);
  return `${String(names.length)}: ${inOrder.map(([name, times]) => `${name} ${String(times)}`).join(', ')}`;
}
