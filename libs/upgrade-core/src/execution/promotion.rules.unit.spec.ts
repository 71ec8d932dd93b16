import { describe, expect, it } from '@jest/globals';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, deadlinePassed, watched } from '#testing/inputs.js';
import type { Canary } from './execution.js';
import { REMINDER_EVERY_MS, STATUS_DEADLINES } from '../limits.js';

const monitored = (canary: Partial<Canary> = {}): ExecutionBuilder =>
  anExecution()
    .canaryMonitoring(canary)
    .withCounters({ PENDING: 18, COMPLETED: 2 })
    .withBatch(1, 2);
const promote = action('PROMOTE_CANARY', { by: 'bob' });
const unhealthy = { verdict: 'UNHEALTHY', reason: '3 samples in a row failed' } as const;
const silenceMs = STATUS_DEADLINES.canarySilenceMs;

describe('promote-canary', () => {
  it.each([
    [null, 'promoted: no verdict yet'],
    ['INCONCLUSIVE', 'promoted: INCONCLUSIVE'],
    ['HEALTHY', 'promoted: HEALTHY'],
  ] as const)('is allowed with the verdict %s, which is recorded', (verdict, why) => {
    const then = given(monitored({ verdict })).when(promote);
    expect(then.execution).toMatchObject({ status: 'IN_PROGRESS', waitingFor: null });
    expect(then.facts[0]).toMatchObject({ to: 'IN_PROGRESS', by: 'bob', why });
    expect(then.requests).toContainEqual({ type: 'END_WATCH', handOver: 1 });
    expect(then.timers).toMatchObject({ REMINDER: null });
    expect(then.timers.DEADLINE).toBeGreaterThan(T0 + silenceMs);
  });

  it('of UNHEALTHY canaries is refused, and not among the allowed actions', () => {
    const then = given(monitored(unhealthy)).when(promote);
    expect(then.decision).toEqual({ kind: 'REFUSED', allowedActions: ['ROLLBACK', 'CANCEL'] });
  });

  it.each([null, '', '   '])(
    'of UNHEALTHY canaries needs a reason besides force (%j)',
    (reason) => {
      const forced = { ...promote, force: true, reason };
      expect(given(monitored(unhealthy)).when(forced).kind).toBe('REFUSED');
    },
  );

  it('of UNHEALTHY canaries with a reason and no force is refused', () => {
    expect(given(monitored(unhealthy)).when({ ...promote, reason: 'I know' }).kind).toBe('REFUSED');
  });

  it('of UNHEALTHY canaries by force, and saying why, is recorded as such', () => {
    const then = given(monitored(unhealthy)).when({ ...promote, force: true, reason: 'I know' });
    expect(then.execution.status).toBe('IN_PROGRESS');
    expect(then.facts[0]?.why).toBe('promoted by force: UNHEALTHY (I know)');
  });

  it('a second time is refused', () => {
    expect(given(monitored()).when(promote, promote).kind).toBe('REFUSED');
  });
});

describe('a verdict', () => {
  it('is recorded, and told when it changes', () => {
    const then = given(monitored()).when(watched('HEALTHY', { reason: 'the last 3 passed' }));
    expect(then.rows).toEqual(['canary-watched']);
    expect(then.facts).toMatchObject([
      { note: 'CANARY_VERDICT', why: 'HEALTHY: the last 3 passed' },
    ]);
    const again = given(then.execution).when(watched('HEALTHY', { reason: 'still' }));
    expect(again.facts).toEqual([]);
    expect(again.execution.canary).toMatchObject({ verdict: 'HEALTHY', reason: 'still' });
  });

  it('UNHEALTHY is latched: nothing takes it back', () => {
    const bad = given(monitored()).when(watched('UNHEALTHY', { reason: '3 failed' }));
    const then = given(bad.execution).when(watched('HEALTHY', { reason: 'it is over' }));
    expect(then.execution.canary).toMatchObject({ verdict: 'UNHEALTHY', reason: '3 failed' });
    expect(then.facts).toEqual([]);
    expect(given(then.execution).when(promote).kind).toBe('REFUSED');
  });

  it('UNHEALTHY rolls back at once where that was asked for, and ends the watch', () => {
    const auto = monitored().withPlan({ autoRollbackEnabled: true });
    const then = given(auto).when(watched('UNHEALTHY', { reason: '5 failed in all' }));
    expect(then.rows).toEqual(['canary-unhealthy']);
    expect(then.execution).toMatchObject({
      status: 'ROLLING_BACK',
      rollback: {
        reason: 'canaries are UNHEALTHY: 5 failed in all',
        initiatedBy: 'canary-monitor',
      },
      canary: { verdict: 'UNHEALTHY' },
    });
    expect(then.requests).toContainEqual({ type: 'END_WATCH', handOver: 1 });
    expect(then.requests).toContainEqual({ type: 'ROLL_BACK', handOver: 2 });
  });

  it('UNHEALTHY without auto-rollback stays, and waits for a person', () => {
    const auto = monitored().withPlan({ autoPromote: true }).with({ waitingFor: null });
    const then = given(auto).when(watched('UNHEALTHY'));
    expect(then.execution).toMatchObject({
      status: 'CANARY_MONITORING',
      waitingFor: { kind: 'PROMOTION' },
    });
    expect(then.timers).toEqual({ REMINDER: T0 + REMINDER_EVERY_MS });
  });

  it('while it stops has no consequences but that it is kept', () => {
    const stopping = monitored()
      .withPlan({ autoRollbackEnabled: true, autoPromote: true })
      .withSetOperation('WEIGH', { number: 2 })
      .with({ waitingFor: null })
      .stopping();
    for (const verdict of ['UNHEALTHY', 'HEALTHY'] as const) {
      const then = given(stopping).when(watched(verdict, { durationOver: true }));
      expect(then.rows).toEqual(['canary-watched']);
      expect(then.execution).toMatchObject({ waitingFor: null, canary: { verdict } });
    }
  });

  it('of an older hand-over, or after the promotion, is absorbed', () => {
    const other = given(monitored()).when(watched('UNHEALTHY', { handOver: 0 }));
    expect(other.rows).toEqual(['watch-of-older-hand-over']);
    const late = given(monitored()).when(promote, watched('UNHEALTHY'));
    expect(late.rows).toEqual(['late-canary-watched']);
  });
});

describe('autoPromote', () => {
  const auto = monitored().withPlan({ autoPromote: true }).with({ waitingFor: null });

  it('promotes when the duration is over and the last verdict is HEALTHY', () => {
    const then = given(auto).when(watched('HEALTHY', { durationOver: true }));
    expect(then.rows).toEqual(['canary-promotes-itself', 'traffic-evened']);
    const changed = then.facts.find(({ type }) => type === 'STATUS_CHANGED');
    expect(changed).toMatchObject({
      to: 'IN_PROGRESS',
      by: 'autoPromote',
      why: 'promoted by autoPromote: HEALTHY after 600 s',
    });
    expect(then.requests).toContainEqual({ type: 'END_WATCH', handOver: 1 });
  });

  it('does not promote before the duration is over', () => {
    const then = given(auto).when(watched('HEALTHY'));
    expect(then.execution).toMatchObject({ status: 'CANARY_MONITORING', waitingFor: null });
  });

  it.each(['INCONCLUSIVE', 'UNHEALTHY', null] as const)(
    'does not promote with the verdict %s, and waits for a person from then on',
    (verdict) => {
      const then = given(auto).when(watched(verdict, { durationOver: true }));
      expect(then.execution).toMatchObject({
        status: 'CANARY_MONITORING',
        waitingFor: { kind: 'PROMOTION' },
      });
    },
  );

  it('does not promote what was UNHEALTHY once', () => {
    const latched = monitored(unhealthy).withPlan({ autoPromote: true });
    const then = given(latched).when(watched('HEALTHY', { durationOver: true }));
    expect(then.execution.status).toBe('CANARY_MONITORING');
  });

  it('promotes later when INCONCLUSIVE has become HEALTHY', () => {
    const then = given(auto).when(
      watched('INCONCLUSIVE', { durationOver: true }),
      watched('HEALTHY', { durationOver: true }),
    );
    expect(then.execution).toMatchObject({ status: 'IN_PROGRESS', waitingFor: null });
    expect(then.timers).toMatchObject({ REMINDER: null });
  });

  it('without it nothing promotes but a person', () => {
    const then = given(monitored()).when(watched('HEALTHY', { durationOver: true }));
    expect(then.execution.status).toBe('CANARY_MONITORING');
  });
});

describe('a monitor that is silent for three intervals', () => {
  it('makes the verdict INCONCLUSIVE, and is asked again', () => {
    const then = given(monitored({ verdict: 'HEALTHY' }), T0 + silenceMs).when(deadlinePassed);
    expect(then.rows).toEqual(['canary-monitor-silent']);
    expect(then.execution.canary).toMatchObject({
      verdict: 'INCONCLUSIVE',
      reason: 'the canary monitor is silent',
    });
    expect(then.requests[0]).toEqual({ type: 'WATCH_CANARIES', handOver: 1 });
    expect(then.timers).toEqual({ DEADLINE: T0 + 2 * silenceMs });
  });

  it('is not silent that long after it was heard last', () => {
    const heard = given(monitored(), T0 + 30_000).when(watched('HEALTHY'));
    const then = given(heard.execution, T0 + silenceMs).when(deadlinePassed);
    expect(then.rows).toEqual(['deadline-not-reached']);
    expect(then.timers).toEqual({ DEADLINE: T0 + 30_000 + silenceMs });
  });

  it('does not take UNHEALTHY back', () => {
    const then = given(monitored(unhealthy), T0 + silenceMs).when(deadlinePassed);
    expect(then.execution.canary).toMatchObject(unhealthy);
  });

  it('is no reason to promote, but to wait for a person once the duration is over', () => {
    const auto = monitored({ verdict: 'HEALTHY' })
      .withPlan({ autoPromote: true })
      .with({ waitingFor: null });
    const early = given(auto, T0 + silenceMs).when(deadlinePassed);
    expect(early.execution.waitingFor).toBeNull();
    const then = given(auto, T0 + 600_000).when(deadlinePassed);
    expect(then.execution).toMatchObject({
      status: 'CANARY_MONITORING',
      waitingFor: { kind: 'PROMOTION' },
    });
  });

  it('while it stops makes it wait for nobody', () => {
    const stopping = monitored()
      .withSetOperation('WEIGH', { number: 2 })
      .with({ waitingFor: null })
      .stopping();
    const then = given(stopping, T0 + 600_000).when(deadlinePassed);
    expect(then.execution.waitingFor).toBeNull();
  });
});

describe('leaving CANARY_MONITORING', () => {
  it('by a rollback ends the watch under the hand-over it was asked with', () => {
    const then = given(monitored()).when(action('ROLLBACK'));
    expect(then.requests[0]).toEqual({ type: 'END_WATCH', handOver: 1 });
    expect(then.requests).toContainEqual({ type: 'ROLL_BACK', handOver: 2 });
  });

  it('cannot be paused into', () => {
    expect(given(monitored()).when(action('PAUSE')).kind).toBe('REFUSED');
  });
});
