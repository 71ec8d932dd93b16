/** What the API answered, held against what was recorded, told and made of it. */
import { linesOf, type LineOf } from '../history.js';
import { atMsOf, type Checked, type Finding, type Ledger, type Op } from './ledger.js';

/** All requests of one name: one request, or repetitions of it that must count once. */
interface Wish {
  readonly by: string;
  readonly action: string;
  readonly executionId: string | null;
  readonly ops: readonly Op[];
  readonly accepted: readonly LineOf<'ANSWERED'>[];
  /** Whether nobody can know if it was done: no answer, or a part of ours was away. */
  readonly isUnclear: boolean;
}

function wishesOf({ ops }: Ledger): Wish[] {
  const byName = new Map<string, Op[]>();
  for (const op of ops) {
    if (op.asked.action === null) continue;
    byName.set(op.asked.by, [...(byName.get(op.asked.by) ?? []), op]);
  }
  return [...byName].map(([by, same]) => {
    const answers = same.flatMap(({ answered }) => answered ?? []);
    const [first] = same;
    return {
      by,
      action: first?.asked.action ?? '',
      executionId: first?.asked.executionId ?? null,
      ops: same,
      accepted: answers.filter(({ status }) => status >= 200 && status < 300),
      isUnclear: answers.length < same.length || answers.some(({ status }) => status >= 500),
    };
  });
}

const RECORDED_AS: Readonly<Record<string, string>> = { 'promote-canary': 'PROMOTE_CANARY' };

/**
 * I10, I13: what was accepted is recorded once and told once, under whoever asked; what was refused
 * neither. Of two that contradict each other one was refused, or both were done, in an order.
 */
export function actionsCountOnce(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  const recorded = new Map<string, LineOf<'RECORDED'>[]>();
  for (const row of linesOf(ledger.lines, 'RECORDED')) {
    const key = `${row.action} ${row.by}`;
    recorded.set(key, [...(recorded.get(key) ?? []), row]);
  }
  const toldBy = new Set<string>();
  for (const told of ledger.events.values()) {
    for (const { event } of told) {
      if ('by' in event.data && event.data.by !== null) toldBy.add(event.data.by);
    }
  }
  const wishes = wishesOf(ledger);
  for (const wish of wishes) {
    const { by, action, accepted, isUnclear, ops } = wish;
    const name = RECORDED_AS[action] ?? action.toUpperCase();
    const rows = recorded.get(`${name} ${by}`) ?? [];
    const lines = [...ops.map(({ asked }) => asked.line), ...rows.map(({ line }) => line)];
    const say = (what: string): void =>
      void findings.push({ what: `I13: ${action} by ${by} ${what}`, lines });
    for (const { executionId } of rows) {
      if (wish.executionId === null || executionId === wish.executionId) continue;
      say(`is recorded of ${executionId}, and was asked of ${wish.executionId}`);
    }
    if (rows.length > 1) say(`is recorded ${String(rows.length)} times`);
    if (accepted.length > 0 && rows.length === 0) say('was accepted and is not recorded');
    if (accepted.length > 0 && !toldBy.has(by)) say('was accepted and no event tells of it');
    const isRefused = accepted.length === 0 && !isUnclear;
    if (isRefused && (rows.length > 0 || toldBy.has(by))) say('was refused and done');
  }
  const known = new Set(wishes.map(({ by }) => by));
  for (const row of [...recorded.values()].flat()) {
    if (known.has(row.by)) continue;
    findings.push({ what: `I13: ${row.action} by ${row.by} was never asked`, lines: [row.line] });
  }
  return { looked: wishes.length, findings };
}

/** I2: what was created is there, once for each wish; nothing is there that nobody asked for. */
export function createsAreKept(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  const creatorOf = new Map<string, string[]>();
  for (const [id, [first]] of ledger.events) {
    const by = first !== undefined && 'by' in first.event.data ? first.event.data.by : null;
    if (by !== null) creatorOf.set(by, [...(creatorOf.get(by) ?? []), id]);
    else findings.push({ what: `I13: nobody has created ${id}`, lines: [first?.line ?? 0] });
  }
  const wishes = wishesOf(ledger).filter(
    ({ action }) => action === 'create' || action === 'revert',
  );
  for (const { by, accepted, ops } of wishes) {
    const lines = ops.map(({ asked }) => asked.line);
    const ids = new Set(accepted.map(({ heart }) => heart?.id ?? 'none'));
    if (ids.size > 1)
      findings.push({ what: `one wish of ${by} gave ${[...ids].join(', ')}`, lines });
    for (const id of ids) {
      if (ledger.executions.has(id)) continue;
      findings.push({ what: `I2: ${id} was created and is not there`, lines });
    }
    const made = creatorOf.get(by) ?? [];
    if (made.length > 1)
      findings.push({ what: `one wish of ${by} made ${made.join(', ')}`, lines });
  }
  const known = new Set(wishes.map(({ by }) => by));
  for (const [by, ids] of creatorOf) {
    if (known.has(by)) continue;
    const lines = ids.map((id) => ledger.executions.get(id)?.line ?? 0);
    findings.push({ what: `${ids.join(', ')} by ${by} was never asked for`, lines });
  }
  return { looked: wishes.length, findings };
}

/** Two services may read the same moment so far apart: one waited for the other's commit. */
const SAME_MOMENT_MS = 2_000;

/** I5: of a tenant and component the next one begins when the one before has ended. */
export function oneIsActive(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  const last = new Map<string, LineOf<'EXECUTION'>>();
  for (const line of ledger.executions.values()) {
    const { id, tenantId, componentId, createdAt } = line.execution;
    const key = `${tenantId}/${componentId}`;
    const before = last.get(key);
    last.set(key, line);
    if (before === undefined) continue;
    const endedAt = before.execution.completedAt;
    const isOver =
      endedAt !== null && Date.parse(endedAt) <= Date.parse(createdAt) + SAME_MOMENT_MS;
    if (isOver) continue;
    const what = `I5: ${id} was created while ${before.execution.id} was active`;
    findings.push({ what, lines: [before.line, line.line] });
  }
  return { looked: ledger.executions.size, findings };
}

/** I14: no answer names another tenant, whoever claims to be another finds nothing, events neither. */
export function tenantsAreApart(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const { asked, answered } of ledger.ops) {
    if (answered === undefined) continue;
    looked += 1;
    const { tenantId, asTenant } = asked;
    const lines = [asked.line, answered.line];
    const others = answered.mentions.filter((tenant) => tenant !== tenantId);
    const isForeign = answered.heart !== null && answered.heart.tenantId !== tenantId;
    if (others.length > 0 || isForeign) {
      const who = [...others, answered.heart?.tenantId ?? ''].join(' ');
      findings.push({ what: `I14: an answer to ${tenantId} names ${who}`, lines });
    }
    const isStranger = asTenant !== null && asTenant !== tenantId;
    if (isStranger && answered.status !== 404 && answered.status < 500) {
      const what = `I14: ${asTenant} is answered ${String(answered.status)} about ${tenantId}`;
      findings.push({ what, lines });
    }
  }
  for (const [id, told] of ledger.events) {
    const tenantId = ledger.executions.get(id)?.execution.tenantId;
    for (const { line, event } of told) {
      looked += 1;
      const others = ledger.run.fleets.filter((fleet) => fleet.tenantId !== tenantId);
      const isOwn = event.data.tenantId === tenantId;
      const named = others.find((fleet) => JSON.stringify(event.data).includes(fleet.tenantId));
      if (isOwn && named === undefined) continue;
      findings.push({ what: `I14: ${event.id} names another tenant`, lines: [line] });
    }
  }
  return { looked, findings };
}

/** After a blow has ended a part may be away so long, on a machine that has much else to do. */
const RECOVERY_MS = 60_000;

/** A server's error is a 503 with a problem that says why, and only while a part is away. */
export function errorsAreProblems(ledger: Ledger): Checked {
  const blows = linesOf(ledger.lines, 'BLOW');
  const findings: Finding[] = [];
  let looked = 0;
  for (const { asked, answered } of ledger.ops) {
    if (answered === undefined) continue;
    looked += 1;
    if (answered.status < 500) continue;
    const lines = [asked.line, answered.line];
    const what = `${asked.method} ${asked.path} is answered ${String(answered.status)}`;
    if (answered.status !== 503 || answered.code === null) findings.push({ what, lines });
    else if (!isStruck(blows, asked.atMs)) {
      findings.push({ what: `${what} ${answered.code} while nothing was away`, lines });
    }
  }
  return { looked, findings };
}

/** Whether a blow lasts, or ended a moment ago. */
function isStruck(blows: readonly LineOf<'BLOW'>[], atMs: number): boolean {
  const begun = blows.filter((blow) => blow.phase === 'BEGINS' && blow.atMs <= atMs);
  return begun.some(({ blow: number }) => {
    const end = blows.find((blow) => blow.blow === number && blow.phase === 'ENDS');
    return end === undefined || end.atMs + RECOVERY_MS >= atMs;
  });
}

/** I15: once healed, everything has ended. */
export function allHaveEnded(ledger: Ledger): Checked {
  const open = [...ledger.executions.values()].filter(({ execution }) => {
    return !TERMINAL.includes(execution.status);
  });
  const findings = open.map(({ line, execution }) => {
    const since = (atMsOf(ledger, execution.createdAt) / 1_000).toFixed(0);
    const what = `I15: ${execution.id} is ${execution.status}, created at ${since} s`;
    return { what, lines: [line] };
  });
  return { looked: ledger.executions.size, findings };
}

const TERMINAL = ['COMPLETED', 'FAILED', 'ROLLED_BACK', 'CANCELLED'];

/** I7: back, or failed and what is left over is named, or stopped by force. */
export function rollbacksEnd(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  const forced = new Set(
    linesOf(ledger.lines, 'RECORDED')
      .filter(({ action, force }) => action === 'CANCEL' && force)
      .map(({ executionId }) => executionId),
  );
  for (const [id, { line, execution }] of ledger.executions) {
    const told = ledger.events.get(id) ?? [];
    if (!told.some(({ event }) => event.data.executionStatus === 'ROLLING_BACK')) continue;
    looked += 1;
    const { status, failureReason, leftOver } = execution;
    const isWell =
      status === 'ROLLED_BACK' ||
      (status === 'FAILED' && failureReason !== null && leftOver > 0) ||
      (status === 'CANCELLED' && forced.has(id));
    if (isWell) continue;
    const what = `I7: ${id} was to be taken back and is ${status}, ${String(leftOver)} left over`;
    findings.push({ what, lines: [line] });
  }
  return { looked, findings };
}

/** Whatever goes wrong around them, no message of ours is one that cannot be read or handled. */
export function noLetterIsDead(ledger: Ledger): Checked {
  const topics = linesOf(ledger.lines, 'DEAD_LETTERS');
  const findings = topics
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ line, topic, reasons }) => ({
      what: `dead letters beside ${topic}: ${reasons.slice(0, 3).join('; ')}`,
      lines: [line],
    }));
  return { looked: topics.length, findings };
}
