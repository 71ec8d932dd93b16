import { describe, expect, it } from '@jest/globals';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import type { ExecutionAnswer } from '../product/registry-api.js';
import { LoadTally, type LoadReading } from './load-tally.js';
import { screenFor, type Terminal } from './screen.js';
import { noticeOf } from './notice.js';
import { withLook, type RoomSeen } from './room-watch.js';
import { judge, type Act } from './summary.js';
import { grouped, tableLines, wrapped, type Moment } from './table.js';
import { hasEnded, newView, seen, sentenceOf, type UpgradeView } from './upgrade-view.js';

/** Colours take no room on the screen. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const EXECUTION = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
const IDS = ['greeter-0001', 'greeter-0002'];

const around = { id: 'x', source: '/x', time: '2030-01-01T00:00:00Z' } as const;
const JSON_TYPE = 'application/json' as const;

function common(sequence: number) {
  return {
    executionId: EXECUTION,
    tenantId: 'demo',
    componentId: EXECUTION,
    sequence,
    revision: 1,
    progress: { total: 2, completed: 1, failed: 0, rolledBack: 0, percentage: 50 },
    why: 'batch 1',
  };
}

function moved(sequence: number, from: string, to: string, attempt = 1): ProgressEvent {
  return {
    ...around,
    datacontenttype: JSON_TYPE,
    type: 'upgrade-orchestrator.instance.status-changed.v1',
    data: {
      ...common(sequence),
      executionStatus: 'IN_PROGRESS',
      instanceId: 'greeter-0002',
      instanceStatus: to,
      previousInstanceStatus: from,
      attempt,
      version: '1.1.0',
      failure: null,
      closedConnections: 0,
    },
  } as ProgressEvent;
}

function changed(sequence: number, to: string): ProgressEvent {
  return {
    ...around,
    datacontenttype: JSON_TYPE,
    type: 'upgrade-orchestrator.execution.status-changed.v1',
    data: { ...common(sequence), executionStatus: to, previousStatus: 'IN_PROGRESS', by: 'ann' },
  } as ProgressEvent;
}

function viewOf(...events: ProgressEvent[]): UpgradeView {
  return events.reduce(seen, newView(EXECUTION, { from: '1.0.0', to: '1.1.0' }, IDS));
}

const NO_LOAD: LoadReading = new LoadTally().read(0);

function momentOf(view: UpgradeView, notice = ''): Moment {
  return { view, load: NO_LOAD, elapsedMs: 1_500, notice };
}

const STYLE = { columns: 100, rows: 24, colour: false };

describe('what the demo knows of an upgrade', () => {
  it('is what the events say, instance by instance', () => {
    const view = viewOf(changed(1, 'IN_PROGRESS'), moved(2, 'PENDING', 'DRAINING'));
    expect(view).toMatchObject({ status: 'IN_PROGRESS', percentage: 50, gaps: [] });
    expect(view.instances.get('greeter-0002')?.status).toBe('DRAINING');
    expect(view.instances.get('greeter-0001')?.status).toBe('PENDING');
    expect(hasEnded(view)).toBe(false);
    expect(hasEnded(seen(view, changed(3, 'COMPLETED')))).toBe(true);
  });

  it('an event seen twice changes nothing, a missing one is a gap', () => {
    const twice = viewOf(changed(1, 'IN_PROGRESS'), changed(1, 'FAILED'));
    expect(twice).toMatchObject({ status: 'IN_PROGRESS', repeated: 1, gaps: [] });
    expect(viewOf(changed(1, 'IN_PROGRESS'), changed(3, 'PAUSED')).gaps).toEqual([
      'expected 2, got 3',
    ]);
  });

  it('each event is a sentence', () => {
    expect(sentenceOf(moved(2, 'FAILED', 'DRAINING', 2))).toBe(
      'greeter-0002  FAILED → DRAINING (attempt 2): batch 1',
    );
    expect(sentenceOf(changed(3, 'COMPLETED'))).toBe(
      'upgrade IN_PROGRESS → COMPLETED by ann: batch 1',
    );
  });
});

describe('the table', () => {
  it('shows each instance, its step and its version, and the load in one line', () => {
    const view = viewOf(moved(1, 'UPGRADING', 'HEALTH_CHECKING'));
    const lines = tableLines(momentOf(view), STYLE);
    expect(lines[0]).toMatch(/^greeter 1\.0\.0 → 1\.1\.0 {3}IN_PROGRESS {3}█+░+ 50 % {3}1\.5 s$/);
    expect(lines).toContainEqual(expect.stringMatching(/greeter-0001 +░{6} PENDING +1\.0\.0/));
    expect(lines).toContainEqual(
      expect.stringMatching(/greeter-0002 +█{5}░ HEALTH_CHECKING +1\.1\.0/),
    );
    expect(lines.at(-1)).toBe('0 requests/s   served 0   dropped 0   longest 0 ms');
  });

  it('never outgrows the terminal, in colour either', () => {
    const many = newView(
      EXECUTION,
      { from: '1.0.0', to: '1.1.0' },
      Array.from({ length: 50 }, (_, at) => `i-${String(at)}`),
    );
    const lines = tableLines(momentOf(many), { columns: 40, rows: 12, colour: true });
    expect(lines.length).toBeLessThan(12);
    expect(lines.join('\n')).toContain('… and 47 more');
    for (const line of lines) expect(line.replace(COLOUR, '').length).toBeLessThanOrEqual(40);
  });

  it('groups digits', () => {
    expect([0, 999, 1_000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
  });
});

describe('the screen', () => {
  function terminal(more: Partial<Terminal>): Terminal & { text: string } {
    return {
      text: '',
      write(text: string) {
        this.text += text;
      },
      ...more,
    };
  }
  const moment = { ...momentOf(viewOf()), elapsedMs: 2_000 };

  it('prints one line a step into a pipe or a CI log, without control characters', () => {
    for (const [out, env] of [
      [terminal({ isTTY: false }), {}],
      [terminal({ isTTY: true }), { CI: 'true' }],
    ] as const) {
      const screen = screenFor(out, env);
      screen.refresh(moment);
      screen.step(moved(1, 'PENDING', 'DRAINING'), moment);
      expect(out.text).toBe('  2.0 s    0 %  greeter-0002  PENDING → DRAINING: batch 1\n');
    }
  });

  it('draws the table over itself on a terminal', () => {
    const out = terminal({ isTTY: true, columns: 100, rows: 30 });
    const screen = screenFor(out, {});
    screen.refresh(moment);
    const { length } = tableLines(moment, { columns: 100, rows: 30, colour: false });
    out.text = '';
    screen.refresh(moment);
    expect(out.text).toContain(`\u001b[${String(length)}A`);
  });
});

describe('the tally of the load', () => {
  it('counts what was served by version and kind, and what was dropped with its reason', () => {
    const tally = new LoadTally();
    tally.add({ kind: 'kept', tookMs: 4, version: '1.0.0' }, 100);
    tally.add({ kind: 'fresh', tookMs: 8, version: '1.1.0' }, 200);
    tally.add({ kind: 'slow', tookMs: 800, version: '1.1.0' }, 1_150);
    tally.add({ kind: 'kept', tookMs: 9, problem: 'socket hang up' }, 1_160);
    tally.add({ kind: 'kept', tookMs: 9, isError: true }, 1_170);
    expect(tally.read(1_199)).toEqual({
      served: 3,
      dropped: 1,
      errors: 1,
      perSecond: 3,
      byVersion: { '1.0.0': 1, '1.1.0': 2 },
      recently: { '1.1.0': 2, errors: 1 },
      byKind: { kept: 1, fresh: 1, slow: 1 },
      longestMs: 8,
      medianMs: 4,
      longestSlowMs: 800,
      problems: ['kept: socket hang up'],
    });
  });

  it('tells what was answered since a moment, and when that was asked', () => {
    const tally = new LoadTally();
    tally.add({ kind: 'kept', tookMs: 4, version: '1.0.0' }, 100);
    tally.add({ kind: 'slow', tookMs: 80, version: '1.1.0' }, 200);
    tally.add({ kind: 'kept', tookMs: 5, isError: true }, 210);
    expect(tally.since(100)).toEqual([
      { version: '1.1.0', beganAtMs: 120, atMs: 200 },
      { version: null, beganAtMs: 205, atMs: 210 },
    ]);
    expect(tally.since(210)).toEqual([]);
    tally.add({ kind: 'kept', tookMs: 1, version: '1.1.0' }, 130_000);
    expect(tally.since(0)).toEqual([{ version: '1.1.0', beganAtMs: 129_999, atMs: 130_000 }]);
  });
});

describe('what no event tells', () => {
  const answer = { status: 'PAUSED', waitingFor: null, canary: null } as ExecutionAnswer;

  it('is whom it waits for', () => {
    const waitingFor = { kind: 'APPROVAL', who: 'anybody but ann' };
    expect(noticeOf({ ...answer, waitingFor })).toBe('waits for anybody but ann to approve');
    const resume = { kind: 'RESUME', who: 'operator' };
    expect(noticeOf({ ...answer, waitingFor: resume })).toBe('waits for an operator to resume');
    expect(noticeOf(answer)).toBe('');
  });

  it('is the verdict on its canaries with the latest sample, while they are watched', () => {
    const at = '2030-01-01T00:00:00Z';
    const findings = [
      { of: 'health', outcome: 'PASS', value: null },
      { of: 'error-rate', outcome: 'FAIL', value: 0.1234 },
    ];
    const canary = {
      ...{ verdict: 'INCONCLUSIVE', reason: '' },
      samples: [{ number: 4, at, outcome: 'FAIL', findings }],
    };
    expect(noticeOf({ ...answer, status: 'CANARY_MONITORING', canary })).toBe(
      'INCONCLUSIVE; sample 4 FAIL (health PASS, error-rate FAIL 0.123)',
    );
    expect(noticeOf({ ...answer, status: 'IN_PROGRESS', canary })).toBe('');
  });
});

describe('the fleet seen from outside', () => {
  const NOBODY: RoomSeen = { looks: 0, mostDown: 0, who: [], fewest: Infinity };
  const up = { id: 'a', admitted: true, healthy: true, problem: null };

  it('counts who is not both admitted and healthy, and keeps the worst look', () => {
    const drained = { ...up, id: 'b', admitted: false };
    const ill = { ...up, id: 'c', healthy: false, problem: 'no answer' };
    const seenThrice = [[up, drained, ill], [up, drained], [up]].reduce(withLook, NOBODY);
    expect(seenThrice).toEqual({
      looks: 3,
      mostDown: 2,
      who: ['b (not admitted)', 'c (no answer)'],
      fewest: 1,
    });
  });
});

describe('the verdict', () => {
  const completed: Act = {
    view: viewOf(changed(1, 'COMPLETED')),
    owed: { status: 'COMPLETED', mostDown: 2, mayErr: false, mayDrop: false },
    durationMs: 12_000,
    ...{ served: 10, dropped: 0, errors: 0 },
    room: { looks: 5, mostDown: 2, who: [], fewest: 8 },
    found: { lines: [], problems: [] },
  };
  const served = { ...NO_LOAD, served: 10 };

  it('is good when all ended as they should and nothing was dropped', () => {
    expect(judge([completed], served).problems).toEqual([]);
  });

  it('names each promise that was not kept', () => {
    const broken: Act = {
      ...completed,
      ...{ view: viewOf(changed(2, 'FAILED')), dropped: 2, errors: 1 },
      room: { looks: 5, mostDown: 3, who: ['a (no answer)'], fewest: 8 },
      found: { lines: [], problems: ['nobody was refused'] },
    };
    const { problems } = judge([broken], { ...served, dropped: 3, problems: ['kept: reset'] });
    expect(problems).toEqual([
      '1.0.0 → 1.1.0 ended FAILED instead of COMPLETED',
      '1.0.0 → 1.1.0: the sequence of its events has gaps: expected 1, got 2',
      '1.0.0 → 1.1.0: 2 requests were dropped',
      '1.0.0 → 1.1.0: 1 requests were answered with an error',
      '1.0.0 → 1.1.0: 3 instances were down at once, 2 may be: a (no answer)',
      '1.0.0 → 1.1.0: nobody was refused',
      '1 requests were dropped between the upgrades',
      'kept: reset',
    ]);
    expect(judge([completed], NO_LOAD).problems).toEqual(['no request was served at all']);
  });

  it('is none where nobody looked, and allows what the strategy cannot promise', () => {
    const unseen = { ...completed, room: { ...completed.room, looks: 0 } };
    expect(judge([unseen], served).problems).toEqual([
      '1.0.0 → 1.1.0: nobody saw the fleet from outside',
    ]);
    const downtime: Act = {
      ...completed,
      owed: { status: 'COMPLETED', mostDown: null, mayErr: true, mayDrop: true },
      ...{ dropped: 5, errors: 5, room: { ...completed.room, mostDown: 8 } },
    };
    expect(judge([downtime], { ...served, dropped: 5 }).problems).toEqual([]);
  });
});

describe('text on a terminal', () => {
  it('is broken between words, and goes on under its beginning', () => {
    expect(wrapped('  one two three', 9)).toEqual(['  one two', '  three']);
    expect(wrapped('\na\n', 9)).toEqual(['', 'a', '']);
  });

  it('calls a new set by the beginning of its name', () => {
    const event = moved(1, 'PENDING', 'UPGRADING');
    const named = { ...event, data: { ...event.data, instanceId: `greeter-${EXECUTION}-0008` } };
    expect(sentenceOf(named as ProgressEvent)).toMatch(/^greeter-6f1d2c3b-0008 {2}PENDING/);
    const view = seen(newView(EXECUTION, { from: '1.0.0', to: '1.1.0' }, []), event);
    expect([...view.instances.keys()]).toEqual(['greeter-0002']);
  });
});
