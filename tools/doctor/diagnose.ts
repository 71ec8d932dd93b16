/** What is → findings. Pure: the same sight gives the same findings, the worst first. */
import type { Finding, Repair, Severity } from './finding.js';
import { fleetFindings } from './fleets.js';
import { historyFindings } from './history.js';
import { plumbingFindings } from './plumbing.js';
import type { Seen } from './seen.js';
import { waitingFindings } from './waiting.js';

const WORST_FIRST: readonly Severity[] = ['DANGER', 'WRONG', 'NOTICE'];

/** With a tenant named: what is that tenant's, and nothing of the installation or of others. */
export function diagnose(seen: Seen): Finding[] {
  const all = [...historyFindings(seen), ...waitingFindings(seen), ...fleetFindings(seen)];
  const findings =
    seen.tenant === null
      ? [...plumbingFindings(seen), ...all]
      : all.filter(({ tenantId }) => tenantId === seen.tenant);
  return unique(findings).sort(
    (a, b) => WORST_FIRST.indexOf(a.severity) - WORST_FIRST.indexOf(b.severity),
  );
}

/** Several topics and services may show the same difference: it is said once. */
function unique(findings: readonly Finding[]): Finding[] {
  const said = new Map<string, Finding>();
  for (const each of findings) {
    const key = `${each.code} ${each.about}${each.code === 'HAND_OVER_AHEAD' ? '' : each.is}`;
    const before = said.get(key);
    if (before === undefined) said.set(key, each);
    else said.set(key, { ...before, repairs: [...before.repairs, ...each.repairs] });
  }
  return [...said.values()];
}

/** Findings that can only be when the database is older than the world around it. */
const BACK_IN_TIME = ['TOLD_AHEAD', 'HAND_OVER_AHEAD', 'FENCE_AHEAD', 'EPOCH_BEHIND'];

/**
 * What `--fix` does, each thing once. A database that went back in time has forgotten epochs too,
 * and an owner from before may live on with one that would be given out again: so whatever shows
 * it, epochs leap.
 */
export function repairsFor(findings: readonly Finding[]): Repair[] {
  const asked = findings.flatMap(({ repairs }) => repairs);
  const repairs: Repair[] = [];
  if (findings.some(({ code }) => BACK_IN_TIME.includes(code))) {
    const above = Math.max(0, ...asked.map((each) => ('above' in each ? each.above : 0)));
    repairs.push({ kind: 'RAISE_EPOCHS', above });
  }
  const behind = new Map<string, Extract<Repair, { kind: 'GO_ON_BEHIND' }>>();
  for (const each of asked) {
    if (each.kind === 'RAISE_HAND_OVER' || each.kind === 'TELL_AGAIN') repairs.push(each);
    if (each.kind !== 'GO_ON_BEHIND') continue;
    const before = behind.get(each.executionId) ?? each;
    behind.set(each.executionId, {
      ...each,
      sequence: Math.max(each.sequence, before.sequence),
      handOver: Math.max(each.handOver, before.handOver),
    });
  }
  return [...repairs, ...behind.values()];
}
