/** All that a history is held against. */
import type { Line } from '../history.js';
import * as actions from './action-checks.js';
import * as events from './event-checks.js';
import * as fleets from './fleet-checks.js';
import { ledgerOf, type Check, type Checked } from './ledger.js';
import { rowsAreTrue } from './standing-checks.js';
import { historyIsWhole } from './whole-history.js';

const CHECKS: Readonly<Record<string, Check>> = {
  'I1 every operation is begun once, and told of': fleets.actsAreDoneOnce,
  'I1 no process is started twice for one attempt': fleets.processesStartOnce,
  'I2 I3 every event once, without a gap, the same by REST': events.eventsAreTold,
  'I2 what was created is there, one for each wish': actions.createsAreKept,
  'I4 the room is kept': fleets.roomIsKept,
  'I5 one is active': actions.oneIsActive,
  'I6 only legal steps': events.stepsAreLegal,
  'I7 rollbacks end': actions.rollbacksEnd,
  'I8 rows say what the targets say': rowsAreTrue,
  'I9 nothing passes unseen': fleets.nothingPassesUnseen,
  'I10 nothing is begun in a stop': events.nothingIsBegunInAStop,
  'I10 I13 each accepted action once': actions.actionsCountOnce,
  'I11 fences never fall': fleets.fencesNeverFall,
  'I14 tenants are apart': actions.tenantsAreApart,
  'I15 all have ended': actions.allHaveEnded,
  'requests lost by clients: none': fleets.nothingIsDropped,
  'errors are problems, and only while a part is away': actions.errorsAreProblems,
  'dead letters: none': actions.noLetterIsDead,
};

export interface NamedCheck extends Checked {
  readonly name: string;
}

/** Of a history that is not whole nothing else is said: it would be said of what is missing. */
export function checkHistory(lines: readonly Line[]): NamedCheck[] {
  const ledger = ledgerOf(lines);
  const whole = { name: 'the history is whole', ...historyIsWhole(ledger) };
  if (whole.findings.length > 0) return [whole];
  const judged = Object.entries(CHECKS).map(([name, check]) => ({ name, ...check(ledger) }));
  return [whole, ...judged];
}
