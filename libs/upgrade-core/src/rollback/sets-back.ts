/**
 * The way back of BLUE_GREEN: traffic goes back to the set it came from, then the new set goes
 * (spec §5). Two operations, one after the other; where they stand is in the work's row, so that
 * the next owner goes on from there.
 */
import { ROLLBACK_LIMITS, STEP_LIMITS } from '../limits.js';
import type { LeftOver } from '../execution/execution.js';
import { clipped } from '../texts.js';

/** What is to be brought back. */
export interface SetsAsked {
  /** Null: traffic never left the set it was on. */
  readonly switchTo: string | null;
  readonly retire: string;
  /** How long what is under way on the set that goes may take to end. */
  readonly drainTimeoutMs: number;
}

export interface SetsBack extends SetsAsked {
  /** LEFT_OVER: one of the two could not be done, and nothing more is tried. */
  readonly stage: 'SWITCHING' | 'RETIRING' | 'RESTORED' | 'LEFT_OVER';
  /** Of the stage's operation, from 1. */
  readonly attempt: number;
  /** When the attempt began, ms since 1970. */
  readonly sinceMs: number;
  /** Which set, in an instance's place, and why; null unless LEFT_OVER. */
  readonly leftOver: LeftOver | null;
}

/** The operation to be carried out; with its attempt it makes the operation's id. */
export interface SetsWant {
  readonly want: 'OPERATE_SET';
  readonly verb: 'switch' | 'retireSet';
  readonly set: string;
  readonly attempt: number;
  readonly drainTimeoutMs: number;
}

export interface SetOperationEnded extends Pick<SetsWant, 'verb' | 'attempt'> {
  readonly type: 'SET_OPERATION_ENDED';
  readonly outcome: 'DONE' | 'FAILED';
  /** In a sentence; null where nothing failed. */
  readonly reason: string | null;
}

export function beginSets(asked: SetsAsked, nowMs: number): SetsBack {
  const stage = asked.switchTo === null ? 'RETIRING' : 'SWITCHING';
  return { ...asked, stage, attempt: 1, sinceMs: nowMs, leftOver: null };
}

/** Null: both are done, or given up. */
export function setsWant({ stage, switchTo, retire, ...sets }: SetsBack): SetsWant | null {
  const { attempt, drainTimeoutMs } = sets;
  if (stage === 'SWITCHING' && switchTo !== null) {
    return { want: 'OPERATE_SET', verb: 'switch', set: switchTo, attempt, drainTimeoutMs };
  }
  if (stage !== 'RETIRING') return null;
  return { want: 'OPERATE_SET', verb: 'retireSet', set: retire, attempt, drainTimeoutMs };
}

/** What came late, of an attempt or an operation that is over, changes nothing. */
export function endSetOperation(sets: SetsBack, ended: SetOperationEnded, nowMs: number): SetsBack {
  const want = setsWant(sets);
  if (want?.verb !== ended.verb || want.attempt !== ended.attempt) return sets;
  if (ended.outcome === 'DONE') {
    const stage = sets.stage === 'SWITCHING' ? 'RETIRING' : 'RESTORED';
    return { ...sets, stage, attempt: 1, sinceMs: nowMs };
  }
  if (sets.attempt < ROLLBACK_LIMITS.setAttemptsMax) {
    return { ...sets, attempt: sets.attempt + 1, sinceMs: nowMs };
  }
  return leaveSetOver(sets, `${SAID[want.verb]} failed: ${ended.reason ?? 'no reason given'}`);
}

/**
 * Past its time an operation is given up and not tried again: nobody knows what the target still
 * makes of it.
 */
export function expireSetOperation(sets: SetsBack, nowMs: number): SetsBack {
  const want = setsWant(sets);
  if (want === null) return sets;
  const drainMs = want.verb === 'retireSet' ? want.drainTimeoutMs : 0;
  const limitMs = STEP_LIMITS.setOperationMs + drainMs;
  if (nowMs - sets.sinceMs < limitMs) return sets;
  return leaveSetOver(sets, `TIMEOUT: ${SAID[want.verb]} was not over after ${limitMs / 1_000} s`);
}

/** The set that is not as it should be stands in an instance's place. */
export function leaveSetOver(sets: SetsBack, why: string): SetsBack {
  const want = setsWant(sets);
  if (want === null) return sets;
  const reason = clipped(why, ROLLBACK_LIMITS.reasonMaxChars);
  return { ...sets, stage: 'LEFT_OVER', leftOver: { instanceId: want.set, reason } };
}

const SAID: Readonly<Record<SetsWant['verb'], string>> = {
  switch: 'switching traffic back to the set',
  retireSet: 'retiring the set',
};
