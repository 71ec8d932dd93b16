/** What the demo says at its end, and whether it kept what it promised. */
import type { LoadReading } from './load-tally.js';
import type { RoomSeen } from './room-watch.js';
import { grouped, milliseconds, seconds } from './table.js';
import type { UpgradeView } from './upgrade-view.js';

/** What an upgrade of the demo owes beside a sequence without gaps. */
export interface Owed {
  readonly status: string;
  /** Instances of the live set that may be down at any moment; null: all of them. */
  readonly mostDown: number | null;
  /** The version itself answers with errors: what is lost by that is not the upgrade's doing. */
  readonly mayErr: boolean;
  /** Nobody may be there to answer for a while. */
  readonly mayDrop: boolean;
}

/** What those who acted in it have found out. */
export interface Found {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** One upgrade of the demo as it ended. */
export interface Act {
  readonly view: UpgradeView;
  readonly owed: Owed;
  readonly durationMs: number;
  /** What the load met from its beginning to its end. */
  readonly served: number;
  readonly dropped: number;
  readonly errors: number;
  /** The fleet as it was seen from outside meanwhile. */
  readonly room: RoomSeen;
  readonly found: Found;
}

export interface Verdict {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** The promises: statuses, nothing dropped, room, no gap in a sequence, and what each act adds. */
export function judge(acts: readonly Act[], load: LoadReading): Verdict {
  const problems = acts.flatMap(problemsOf);
  const lostElsewhere = load.dropped - acts.reduce((sum, act) => sum + act.dropped, 0);
  if (lostElsewhere > 0) {
    problems.push(`${grouped(lostElsewhere)} requests were dropped between the upgrades`);
  }
  const isDroppedUnduly = acts.some(({ owed, dropped }) => dropped > 0 && !owed.mayDrop);
  if (isDroppedUnduly || lostElsewhere > 0) problems.push(...load.problems);
  if (load.served === 0) problems.push('no request was served at all');
  return { lines: [...acts.flatMap(linesOf), ...loadLines(load)], problems };
}

function problemsOf(act: Act): string[] {
  const { view, owed, dropped, errors, room, found } = act;
  const name = `${view.fromVersion} → ${view.toVersion}`;
  const problems: string[] = [];
  if (view.status !== owed.status) {
    problems.push(`${name} ended ${view.status} instead of ${owed.status}`);
  }
  if (view.gaps.length > 0) {
    problems.push(`${name}: the sequence of its events has gaps: ${view.gaps.join('; ')}`);
  }
  if (dropped > 0 && !owed.mayDrop) {
    problems.push(`${name}: ${grouped(dropped)} requests were dropped`);
  }
  if (errors > 0 && !owed.mayErr) {
    problems.push(`${name}: ${grouped(errors)} requests were answered with an error`);
  }
  if (room.looks === 0) problems.push(`${name}: nobody saw the fleet from outside`);
  if (owed.mostDown !== null && room.mostDown > owed.mostDown) {
    problems.push(
      `${name}: ${String(room.mostDown)} instances were down at once, ` +
        `${String(owed.mostDown)} may be: ${room.who.join(', ')}`,
    );
  }
  return [...problems, ...found.problems.map((problem) => `${name}: ${problem}`)];
}

/** Under the name of an act, and under its status. */
const UNDER_NAME = ' '.repeat(18);

/** In lines of no more than 80 columns, but for what an act adds. */
function linesOf({ view, durationMs, served, dropped, errors, room, owed, found }: Act): string[] {
  const name = `${view.fromVersion} → ${view.toVersion}`;
  const failed = errors === 0 ? '' : `, ${grouped(errors)} answered with an error`;
  const allowed = owed.mostDown === null ? 'all may be' : `${String(owed.mostDown)} may be`;
  return [
    `  ${name.padEnd(15)} ${view.status.padEnd(11)} ${String(view.total)} instances in ` +
      `${seconds(durationMs)}, ${String(view.lastSequence)} events without a gap`,
    `${UNDER_NAME}${grouped(served)} requests served, ${grouped(dropped)} dropped${failed}`,
    `${UNDER_NAME}at most ${String(room.mostDown)} of the live instances down at once, ${allowed}`,
    ...found.lines.map((line) => `${UNDER_NAME}${line}`),
  ];
}

function loadLines(load: LoadReading): string[] {
  const { kept, fresh, slow } = load.byKind;
  return [
    `  all in all      ${grouped(load.served)} requests served, ${grouped(load.dropped)} dropped`,
    `${UNDER_NAME}${grouped(kept)} on kept connections, ${grouped(fresh)} on fresh ones, ` +
      `${grouped(slow)} long ones`,
    `  the longest     ${milliseconds(load.longestMs)} (median ${milliseconds(load.medianMs)}); ` +
      `of those that ask for 800 ms: ${milliseconds(load.longestSlowMs)}`,
  ];
}
