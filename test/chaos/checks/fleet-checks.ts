/** What was done to the fleets, seen by themselves and from outside. */
import type { InstanceStatus } from '#core/execution/execution.js';
import { compareFences, type Fence } from '#targets/target.driver.js';
import { SIMULATED_LIMITS } from '#targets/target-limits.js';
import { linesOf, type FleetSeen, type InstanceSeen, type LineOf } from '../history.js';
import {
  atMsOf,
  executionsOf,
  hasRolledBack,
  type Checked,
  type Finding,
  type Ledger,
} from './ledger.js';

type Execution = LineOf<'EXECUTION'>;
type Act = LineOf<'ACTS'>['acts'][number];

/** Not begun, or begun and cut short: whoever asks again begins it anew. */
const NOT_DONE: readonly Act['outcome'][] = ['SUPERSEDED', 'NO_DATA'];

/** What hangs goes on once the fault is taken away. */
const DONE: readonly Act['outcome'][] = ['DONE', 'HANG'];

/** I1: an operation is begun once; what is done is told, and what is told to be done was. */
export function actsAreDoneOnce(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  const told = bringsTold(ledger, 'UPGRADING');
  for (const { line, fleet, acts } of linesOf(ledger.lines, 'ACTS')) {
    const done = new Set(
      acts.filter(({ outcome }) => DONE.includes(outcome)).map(({ operationId }) => operationId),
    );
    for (const [id, { fleet: of, line: toldAt }] of bringsTold(ledger, 'COMPLETED')) {
      // Its beginnings are gone: of those nobody knows.
      if (of !== fleet || acts.length >= SIMULATED_LIMITS.historyMax) continue;
      looked += 1;
      if (done.has(id)) continue;
      const what = `I1: ${fleet}: no act at the fleet is ${id}, which was told to be done`;
      findings.push({ what, lines: [toldAt, line] });
    }
    const begun = new Map<string, number>();
    for (const act of acts) {
      looked += 1;
      if (NOT_DONE.includes(act.outcome)) continue;
      begun.set(act.operationId, (begun.get(act.operationId) ?? 0) + 1);
      if (!isForward(act) || told.has(act.operationId)) continue;
      findings.push({ what: `I1: ${fleet}: no event tells of ${act.operationId}`, lines: [line] });
    }
    for (const [id, times] of begun) {
      if (times === 1) continue;
      findings.push({
        what: `I1: ${fleet}: ${id} was begun ${String(times)} times`,
        lines: [line],
      });
    }
  }
  return { looked, findings };
}

/** `<execution>/<index>/<attempt>/bring`: the way forward; a rollback's ids are longer. */
function isForward(act: Act): boolean {
  return act.verb === 'bring' && /^[0-9a-f-]{36}\/\d+\/\d+\/bring$/.test(act.operationId);
}

interface ToldBring {
  readonly fleet: string;
  readonly instanceId: string;
  readonly version: string | null;
  /** Where it is told. */
  readonly line: number;
}

/** The brings of which the events tell that they came to a status, by their operations' ids. */
function bringsTold(ledger: Ledger, status: InstanceStatus): Map<string, ToldBring> {
  const brings = new Map<string, ToldBring>();
  for (const { fleet } of ledger.run.fleets) {
    for (const { execution, instances } of executionsOf(ledger, fleet)) {
      const indices = new Map(instances.map(({ instanceId, index }) => [instanceId, index]));
      for (const { line, event } of ledger.events.get(execution.id) ?? []) {
        const { data } = event;
        if (!('instanceId' in data) || data.instanceStatus !== status) continue;
        const { instanceId, attempt, version } = data;
        const index = String(indices.get(instanceId));
        const id = `${execution.id}/${index}/${String(attempt)}/bring`;
        brings.set(id, { fleet, instanceId, version, line });
      }
    }
  }
  return brings;
}

/** A rollback may try an instance once more. */
const STARTS_OF_A_ROLLBACK = 2;

/** I1 of real processes: an instance is started on a version once for each attempt to take it there. */
export function processesStartOnce(ledger: Ledger): Checked {
  const starts = linesOf(ledger.lines, 'STARTED');
  const findings = neverStarted(ledger, starts);
  for (const { fleet } of ledger.run.fleets.filter(({ driver }) => driver === 'agent')) {
    const allowed = startsAllowed(ledger, fleet);
    const counted = new Map<string, number[]>();
    for (const { line, instanceId, version } of starts.filter((one) => one.fleet === fleet)) {
      const key = `${instanceId} ${version}`;
      counted.set(key, [...(counted.get(key) ?? []), line]);
    }
    for (const [key, lines] of counted) {
      const most = allowed.get(key) ?? 0;
      if (lines.length <= most) continue;
      const what = `I1: ${key} was started ${String(lines.length)} times, ${String(most)} were told of`;
      findings.push({ what, lines });
    }
  }
  return { looked: starts.length, findings };
}

/** What is told to run a version, and no process has ever said so. */
function neverStarted(ledger: Ledger, starts: readonly LineOf<'STARTED'>[]): Finding[] {
  const agents = new Set(
    ledger.run.fleets.filter(({ driver }) => driver === 'agent').map(({ fleet }) => fleet),
  );
  const started = new Set(starts.map(({ instanceId, version }) => `${instanceId} ${version}`));
  return [...bringsTold(ledger, 'COMPLETED').values()].flatMap(
    ({ fleet, instanceId, version, line }) => {
      const key = `${instanceId} ${String(version)}`;
      if (!agents.has(fleet) || started.has(key)) return [];
      return [{ what: `I1: ${key} is told to be done and was never started`, lines: [line] }];
    },
  );
}

/** By `<instance> <version>`. */
function startsAllowed(ledger: Ledger, fleet: string): Map<string, number> {
  const allowed = new Map<string, number>();
  const allow = (instanceId: string, version: string | null, times: number): void => {
    const key = `${instanceId} ${String(version)}`;
    allowed.set(key, (allowed.get(key) ?? 0) + times);
  };
  const [first] = linesOf(ledger.lines, 'STARTED').filter((line) => line.fleet === fleet);
  for (const { instanceId, version } of linesOf(ledger.lines, 'STARTED')) {
    const isFirst = instanceId.startsWith(`${fleet}-`) && version === first?.version;
    if (isFirst && !allowed.has(`${instanceId} ${version}`)) allow(instanceId, version, 1);
  }
  for (const { execution, instances } of executionsOf(ledger, fleet)) {
    for (const { event } of ledger.events.get(execution.id) ?? []) {
      const { data } = event;
      if (!('instanceId' in data) || data.instanceStatus !== 'UPGRADING') continue;
      allow(data.instanceId, data.version, 1);
    }
    if (!hasRolledBack(ledger, execution.id)) continue;
    const from = ledger.versions.get(execution.fromVersionId) ?? null;
    for (const { instanceId, fromVersion } of instances) {
      allow(instanceId, fromVersion ?? from, STARTS_OF_A_ROLLBACK);
    }
  }
  return allowed;
}

/** I11: what is done to an instance comes under fences that never fall. */
export function fencesNeverFall(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const { line, fleet, acts } of linesOf(ledger.lines, 'ACTS')) {
    const highest = new Map<string, Fence>();
    for (const act of acts) {
      // What was cut short is taken down under the fence it had.
      if (!('instanceId' in act) || act.outcome === 'SUPERSEDED') continue;
      looked += 1;
      const before = highest.get(act.instanceId) ?? act.fence;
      if (compareFences(act.fence, before) < 0) {
        const fences = `${JSON.stringify(act.fence)} after ${JSON.stringify(before)}`;
        findings.push({ what: `I11: ${fleet}: ${act.operationId} under ${fences}`, lines: [line] });
      } else highest.set(act.instanceId, act.fence);
    }
  }
  return { looked, findings };
}

/** I4: whenever a healthy instance is taken down, all that are off the traffic fit into the room. */
export function roomIsKept(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const fleet of ledger.run.fleets) {
    const executions = executionsOf(ledger, fleet.fleet);
    const standing = new Map<string, InstanceSeen>();
    for (const look of linesOf(ledger.lines, 'LOOK')) {
      if (look.fleet !== fleet.fleet) continue;
      const taken = look.changed.filter((now) => {
        const before = standing.get(now.id);
        return before !== undefined && before.admitted && before.healthy && !now.admitted;
      });
      for (const id of look.gone) standing.delete(id);
      for (const now of look.changed) standing.set(now.id, now);
      if (taken.length === 0) continue;
      const active = activeAt(ledger, executions, look.atMs);
      if (active?.execution.strategy === 'RECREATE') continue;
      looked += 1;
      const off = [...standing.values()].filter(({ admitted }) => !admitted).length;
      const room = roomOf(fleet, active);
      if (off <= room) continue;
      const who = taken.map(({ id }) => id).join(' ');
      const what = `I4: ${fleet.fleet}: ${who} taken, ${String(off)} are off, room for ${String(room)}`;
      findings.push({ what, lines: [look.line, ...(active === undefined ? [] : [active.line])] });
    }
  }
  return { looked, findings };
}

/** The latest that had been created by then. */
function activeAt(
  ledger: Ledger,
  executions: readonly Execution[],
  atMs: number,
): Execution | undefined {
  return executions.findLast(({ execution }) => atMsOf(ledger, execution.createdAt) <= atMs);
}

function roomOf({ instances }: FleetSeen, active: Execution | undefined): number {
  // BLUE_GREEN takes nothing of the set that serves; without an upgrade nobody takes anything.
  if (active === undefined || active.execution.strategy === 'BLUE_GREEN') return 0;
  const share = (instances * active.execution.maxUnavailablePercentage) / 100;
  return Math.max(1, Math.floor(share));
}

/** What a client lost is known so long after it was lost, at most, when it is told at once. */
const TOLD_LATE_MS = 3_000;

/** Nothing of what clients ask is lost, but where an upgrade that may turn them away does so. */
export function nothingIsDropped(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const { fleet } of ledger.run.fleets) {
    const windows = downtimes(ledger, fleet);
    let before = 0;
    for (const { line, atMs, fleet: of, served, dropped, problems } of linesOf(
      ledger.lines,
      'LOAD',
    )) {
      if (of !== fleet) continue;
      const lost = dropped - before;
      before = dropped;
      looked = Math.max(looked, served);
      const isExpected = windows.some(([from, to]) => atMs >= from && atMs <= to + TOLD_LATE_MS);
      if (lost === 0 || isExpected) continue;
      const why = problems[0] ?? '';
      findings.push({
        what: `${fleet}: ${String(lost)} requests were lost: ${why}`,
        lines: [line],
      });
    }
  }
  return { looked, findings };
}

/** From a RECREATE, which takes all at once, until the fleet is whole again by a later end. */
function downtimes(ledger: Ledger, fleet: string): (readonly [from: number, to: number])[] {
  const windows: (readonly [number, number])[] = [];
  let from: number | undefined;
  for (const { execution } of executionsOf(ledger, fleet)) {
    if (execution.strategy === 'RECREATE') from ??= atMsOf(ledger, execution.createdAt);
    const isWhole = execution.status === 'COMPLETED' || execution.status === 'ROLLED_BACK';
    if (from === undefined || !isWhole || execution.completedAt === null) continue;
    windows.push([from, atMsOf(ledger, execution.completedAt)]);
    from = undefined;
  }
  return from === undefined ? windows : [...windows, [from, Infinity]];
}

/** I9: what no instance can run is never completed, and nothing is without its checks. */
export function nothingPassesUnseen(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  const bad = new Map(linesOf(ledger.lines, 'VERSIONS').map((line) => [line.fleet, line.bad]));
  let looked = 0;
  for (const { fleet } of ledger.run.fleets) {
    for (const { line, execution } of executionsOf(ledger, fleet)) {
      if (execution.status !== 'COMPLETED') continue;
      looked += 1;
      const version = ledger.versions.get(execution.toVersionId) ?? '';
      if (bad.get(fleet)?.includes(version) === true) {
        const what = `I9: ${execution.id} is COMPLETED on ${version}, which nothing can run`;
        findings.push({ what, lines: [line] });
      }
      if (execution.postChecks.includes('POST_UPGRADE_STATE PASSED')) continue;
      const what = `I9: ${execution.id} is COMPLETED, its checks: ${execution.postChecks.join(', ')}`;
      findings.push({ what, lines: [line] });
    }
  }
  return { looked, findings };
}
