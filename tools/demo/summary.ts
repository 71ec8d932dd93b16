/** What the demo says at its end, and whether it kept what it promised. */
import type { LoadReading } from './load-tally.js';
import { grouped, milliseconds, seconds } from './table.js';
import type { UpgradeView } from './upgrade-view.js';

/** One upgrade of the demo as it ended. */
export interface Act {
  readonly view: UpgradeView;
  readonly expectedStatus: string;
  readonly durationMs: number;
  /** What the load met from its beginning to its end. */
  readonly served: number;
  readonly dropped: number;
}

export interface Verdict {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** The promises: both statuses, nothing dropped, no gap in a sequence. */
export function judge(acts: readonly Act[], load: LoadReading): Verdict {
  const problems = acts.flatMap((act) => problemsOf(act));
  if (load.dropped > 0) {
    problems.push(`${grouped(load.dropped)} requests were dropped: ${load.problems.join('; ')}`);
  }
  if (load.served === 0) problems.push('no request was served at all');
  return { lines: [...acts.map(lineOf), ...loadLines(load)], problems };
}

function problemsOf({ view, expectedStatus }: Act): string[] {
  const name = `${view.fromVersion} → ${view.toVersion}`;
  const problems: string[] = [];
  if (view.status !== expectedStatus) {
    problems.push(`${name} ended ${view.status} instead of ${expectedStatus}`);
  }
  if (view.gaps.length > 0) {
    problems.push(`${name}: the sequence of its events has gaps: ${view.gaps.join('; ')}`);
  }
  return problems;
}

function lineOf({ view, durationMs, served, dropped }: Act): string {
  const name = `${view.fromVersion} → ${view.toVersion}`;
  return (
    `  ${name.padEnd(15)} ${view.status.padEnd(12)} ${String(view.instances.size)} instances in ` +
    `${seconds(durationMs)}, ${String(view.lastSequence)} events without a gap, ` +
    `${grouped(served)} requests served, ${grouped(dropped)} dropped`
  );
}

function loadLines(load: LoadReading): string[] {
  const { kept, fresh, slow } = load.byKind;
  return [
    `  all in all      ${grouped(load.served)} requests served (${grouped(kept)} on kept ` +
      `connections, ${grouped(fresh)} on fresh ones, ${grouped(slow)} long ones), ` +
      `${grouped(load.dropped)} dropped`,
    `  the longest     ${milliseconds(load.longestMs)} (median ${milliseconds(load.medianMs)}); ` +
      `of those that ask for 800 ms: ${milliseconds(load.longestSlowMs)}`,
  ];
}
