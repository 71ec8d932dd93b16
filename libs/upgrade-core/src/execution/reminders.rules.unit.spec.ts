import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, reminderDue } from '#testing/inputs.js';
import { REMINDER_EVERY_MS } from '../limits.js';

const paused = anExecution().paused().withCounters({ PENDING: 3 });
const stage = anExecution()
  .paused('STAGE_APPROVAL')
  .withPlan({ strategy: 'STAGED' })
  .withCounters({ PENDING: 3, COMPLETED: 1 })
  .withBatch(1, 1);
const monitoring = anExecution().canaryMonitoring().withCounters({ PENDING: 3, COMPLETED: 1 });

describe('what waits for a person', () => {
  it.each([
    ['a start', anExecution(), 'START', 'ann'],
    ['being resumed', paused, 'RESUME', 'operator'],
    ['an approval', stage, 'APPROVAL', 'operator'],
    ['a promotion', monitoring.withBatch(1, 1), 'PROMOTION', 'operator'],
  ] as const)('says each hour that it waits for %s', (_, execution, kind, who) => {
    const hour = given(execution).after(REMINDER_EVERY_MS).when(reminderDue);
    expect(hour.facts).toMatchObject([
      {
        note: 'REMINDER',
        waitingKind: kind,
        why: `has been waiting for ${who} (${kind}) for 1 h`,
      },
    ]);
    expect(hour.timers).toEqual({ REMINDER: T0 + 2 * REMINDER_EVERY_MS });
    const later = given(hour.execution)
      .after(5 * REMINDER_EVERY_MS)
      .when(reminderDue);
    expect(later.facts[0]?.why).toMatch(/for 5 h$/);
    expect(later.execution.status).toBe(execution.build().status);
  });

  it('does not count a reminder as progress', () => {
    const then = given(paused).after(REMINDER_EVERY_MS).when(reminderDue);
    expect(then.execution.lastProgressAtMs).toBe(paused.build().lastProgressAtMs);
  });

  it('is silent when nobody is waited for: a watch that may promote itself, or a stop', () => {
    const watched = monitoring.withBatch(1, 1).with({ waitingFor: null });
    expect(given(watched).when(reminderDue).rows).toEqual(['reminder-of-nothing']);
    const busy = paused.withCounters({ PENDING: 2, UPGRADING: 1 }).withBatch(1, 1);
    const stopping = given(busy).when(action('CANCEL'), reminderDue);
    expect(stopping.rows).toEqual(['reminder-of-nothing']);
  });

  it.each(['VALIDATING', 'IN_PROGRESS', 'CANARY_RUNNING', 'ROLLING_BACK', 'CANCELLED'] as const)(
    'is not what %s is: a reminder that comes late is absorbed',
    (status) => {
      const execution = anExecution().in(status).withCounters({ PENDING: 1 });
      expect(given(execution).when(reminderDue).kind).toBe('ABSORBED');
    },
  );

  it('is no more once somebody has acted', () => {
    expect(given(anExecution()).when(action('START')).timers).toMatchObject({ REMINDER: null });
    expect(given(paused).when(action('RESUME')).timers).toMatchObject({ REMINDER: null });
    expect(given(anExecution()).when(action('CANCEL')).timers).toMatchObject({ REMINDER: null });
  });
});
