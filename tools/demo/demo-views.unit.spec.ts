import { describe, expect, it } from '@jest/globals';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { LoadTally, type LoadReading } from './load-tally.js';
import { screenFor, type Terminal } from './screen.js';
import { judge, type Act } from './summary.js';
import { grouped, tableLines } from './table.js';
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
    const lines = tableLines(
      viewOf(moved(1, 'UPGRADING', 'HEALTH_CHECKING')),
      NO_LOAD,
      1_500,
      STYLE,
    );
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
    const lines = tableLines(many, NO_LOAD, 0, { columns: 40, rows: 12, colour: true });
    expect(lines.length).toBeLessThan(12);
    expect(lines.join('\n')).toContain('… and 46 more');
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
  const moment = { view: viewOf(), load: NO_LOAD, elapsedMs: 2_000 };

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
    const { length } = tableLines(moment.view, NO_LOAD, 0, {
      columns: 100,
      rows: 30,
      colour: false,
    });
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
    expect(tally.read(1_199)).toEqual({
      served: 3,
      dropped: 1,
      perSecond: 2,
      byVersion: { '1.0.0': 1, '1.1.0': 2 },
      byKind: { kept: 1, fresh: 1, slow: 1 },
      longestMs: 8,
      medianMs: 4,
      longestSlowMs: 800,
      problems: ['kept: socket hang up'],
    });
  });
});

describe('the verdict', () => {
  const completed: Act = {
    view: viewOf(changed(1, 'COMPLETED')),
    expectedStatus: 'COMPLETED',
    durationMs: 12_000,
    served: 10,
    dropped: 0,
  };
  const served = { ...NO_LOAD, served: 10 };

  it('is good when both ended as they should and nothing was dropped', () => {
    expect(judge([completed], served).problems).toEqual([]);
  });

  it('names each promise that was not kept', () => {
    const gap = { ...completed, view: viewOf(changed(2, 'FAILED')) };
    const { problems } = judge([gap], { ...served, dropped: 2, problems: ['kept: reset'] });
    expect(problems).toEqual([
      '1.0.0 → 1.1.0 ended FAILED instead of COMPLETED',
      '1.0.0 → 1.1.0: the sequence of its events has gaps: expected 1, got 2',
      '2 requests were dropped: kept: reset',
    ]);
    expect(judge([completed], NO_LOAD).problems).toEqual(['no request was served at all']);
  });
});
