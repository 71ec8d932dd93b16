import { describe, expect, it } from '@jest/globals';
import type { Happening } from '../history.js';
import { aGoodHistory, asking, BACK, DONE, iso, numbered } from './a-history.js';
import { checkHistory } from './checks.js';

/** Each finding with the name of its check in front. */
function findingsOf(history: readonly Happening[]): string[] {
  return checkHistory(numbered(history)).flatMap(({ name, findings }) => {
    return findings.map(({ what }) => `${name}: ${what}`);
  });
}

type Kind = Happening['kind'];
type Of<K extends Kind> = Extract<Happening, { kind: K }>;

/** The good history with each happening of a kind replaced by what `spoil` makes of it. */
function spoilt<K extends Kind>(
  kind: K,
  spoil: (one: Of<K>) => Happening | readonly Happening[],
): Happening[] {
  return aGoodHistory().flatMap((one) => {
    return one.kind === kind ? spoil(one as Of<K>) : one;
  });
}

function eventSpoilt(
  id: string,
  spoil: (one: Of<'EVENT'>) => Happening | readonly Happening[],
): Happening[] {
  return spoilt('EVENT', (one) => (one.text.includes(`"id":"${id}"`) ? spoil(one) : one));
}

function executionSpoilt(id: string, over: Partial<Of<'EXECUTION'>['execution']>): Happening[] {
  return spoilt('EXECUTION', (one) => {
    return one.execution.id === id ? { ...one, execution: { ...one.execution, ...over } } : one;
  });
}

const actsOf = (spoil: (acts: Of<'ACTS'>['acts']) => Of<'ACTS'>['acts']): Happening[] => {
  return spoilt('ACTS', (one) => ({ ...one, acts: spoil(one.acts) }));
};

describe('a history in which all is well', () => {
  it('has no findings, and each check has looked at something', () => {
    expect(findingsOf(aGoodHistory())).toEqual([]);
    const blind = checkHistory(numbered(aGoodHistory())).filter(({ looked }) => looked === 0);
    expect(blind.map(({ name }) => name)).toEqual([]);
  });

  it('may tell an event twice, as long as it is the same', () => {
    const again = eventSpoilt(`${DONE}/8`, (one) => [one, { ...one, offset: '8' }]);
    expect(findingsOf(again)).toEqual([]);
  });

  it('may leave down what the last upgrade has never touched', () => {
    const untouched = aGoodHistory().map((one) => {
      if (one.kind === 'EXECUTION' && one.execution.id === DONE) {
        const row = { index: 1, instanceId: 'i-1', status: 'PENDING', attempt: 1 };
        return { ...one, instances: [...one.instances, { ...row, fromVersion: '1.0.1' }] };
      }
      if (one.kind !== 'STANDING') return one;
      const down = one.instances.map((is) => ({ ...is, admitted: is.id !== 'i-1' }));
      return { ...one, instances: down };
    });
    expect(findingsOf(untouched)).toEqual([]);
  });

  it('may lose requests where an upgrade takes all instances at once', () => {
    const lossy = executionSpoilt(BACK, { strategy: 'RECREATE' }).map((one) =>
      one.kind === 'LOAD' ? { ...one, dropped: 9 } : one,
    );
    expect(findingsOf(lossy)).toEqual([]);
  });
});

describe('what each checker catches, and the line it names', () => {
  const spoils: Readonly<Record<string, readonly [caught: RegExp, history: () => Happening[]]>> = {
    'an event that was lost': [
      /without a gap.*event 5 comes where 4 belongs/,
      () => eventSpoilt(`${DONE}/4`, () => []),
    ],
    'the last event lost': [
      /7 events on Kafka, 8 by REST/,
      () => eventSpoilt(`${DONE}/8`, () => []),
    ],
    'events in another order': [
      /event 3 comes where 2 belongs/,
      () =>
        spoilt('EVENT', (one) => {
          const places: Record<string, string> = { [`${DONE}/2`]: '2', [`${DONE}/3`]: '1' };
          const { id } = JSON.parse(one.text) as { id: string };
          return { ...one, offset: places[id] ?? one.offset };
        }),
    ],
    'two different events of one name': [
      /two different events are .*\/8/,
      () =>
        eventSpoilt(`${DONE}/8`, (one) => [
          one,
          { ...one, offset: '8', text: one.text.replace('"revision":8', '"revision":9') },
        ]),
    ],
    'an event that REST tells otherwise': [
      /is another by REST/,
      () =>
        spoilt('EXECUTION', (one) => ({
          ...one,
          events: one.events.map((text) => text.replace('"revision":8', '"revision":9')),
        })),
    ],
    'an event under another key': [
      /has the key other/,
      () => eventSpoilt(`${DONE}/8`, (one) => ({ ...one, key: 'other' })),
    ],
    'a step that the spec does not know': [
      /COMPLETED → PAUSED|IN_PROGRESS → VALIDATING/,
      () =>
        eventSpoilt(`${DONE}/8`, (one) => ({
          ...one,
          text: one.text.replace(/"executionStatus":"\w+"/, '"executionStatus":"VALIDATING"'),
        })),
    ],
    'something after the end': [
      /ROLLED_BACK → PAUSED/,
      () =>
        eventSpoilt(`${BACK}/10`, (one) => [
          one,
          {
            ...one,
            offset: '10',
            text: one.text
              .replace(`${BACK}/10`, `${BACK}/11`)
              .replace('"sequence":10', '"sequence":11')
              .replace(/"executionStatus":"\w+"/, '"executionStatus":"PAUSED"')
              .replace(/"previousStatus":"\w+"/, '"previousStatus":"ROLLED_BACK"'),
          },
        ]),
    ],
    'an instance that jumps': [
      /i-0 stood in UPGRADING, not DRAINING/,
      () =>
        eventSpoilt(`${DONE}/6`, (one) => ({
          ...one,
          text: one.text.replace(
            '"previousInstanceStatus":"UPGRADING"',
            '"previousInstanceStatus":"DRAINING"',
          ),
        })),
    ],
    'an instance begun in a pause': [
      /I10: .* begins a-1 although PAUSED/,
      () =>
        eventSpoilt(`${BACK}/7`, (one) => ({
          ...one,
          text: one.text
            .replace('"instanceId":"a-0"', '"instanceId":"a-1"')
            .replace('"previousInstanceStatus":"UPGRADING"', '"previousInstanceStatus":"PENDING"')
            .replace('"instanceStatus":"HEALTH_CHECKING"', '"instanceStatus":"DRAINING"'),
        })),
    ],
    'an operation begun twice': [
      /bring was begun 2 times/,
      () => actsOf((acts) => [...acts, ...acts.filter(({ verb }) => verb === 'bring')]),
    ],
    'an operation that no event tells of': [
      /no event tells of .*\/1\/1\/bring/,
      () =>
        actsOf((acts) => [
          ...acts,
          ...acts
            .filter(({ verb }) => verb === 'bring')
            .map((act) => ({ ...act, operationId: `${DONE}/1/1/bring` })),
        ]),
    ],
    'an instance completed that its fleet was never asked to bring': [
      /no act at the fleet is .*\/0\/1\/bring, which was told to be done/,
      () => actsOf((acts) => acts.filter(({ verb }) => verb !== 'bring')),
    ],
    'an instance completed on what its fleet made of it by a fault': [
      /no act at the fleet is .*\/0\/1\/bring, which was told to be done/,
      () => actsOf((acts) => acts.map((act) => ({ ...act, outcome: 'LIE' as const }))),
    ],
    'a process that was never started': [
      /a-1 1.0.1 is told to be done and was never started/,
      () =>
        eventSpoilt(`${BACK}/9`, (one) => ({
          ...one,
          text: one.text
            .replace('"instanceId":"a-0"', '"instanceId":"a-1"')
            .replace('"instanceStatus":"ROLLED_BACK"', '"instanceStatus":"COMPLETED"')
            .replace('"version":"1.0.0"', '"version":"1.0.1"'),
        })),
    ],
    'an instance whose row says something else than the events': [
      /I6: .*: i-0 is PENDING by REST, COMPLETED was told/,
      () =>
        spoilt('EXECUTION', (one) => ({
          ...one,
          instances: one.instances.map((row) => ({ ...row, status: 'PENDING' })),
        })),
    ],
    'an execution of which nothing is told': [
      /I2: .*b: nothing is told of it/,
      () =>
        spoilt('EXECUTION', (one) =>
          one.execution.id === DONE ? { ...one, events: [] } : one,
        ).filter((one) => one.kind !== 'EVENT' || one.key !== DONE),
    ],
    'an action recorded under another upgrade': [
      /I13: pause by olga-1 is recorded of .*b, and was asked of .*a/,
      () =>
        spoilt('RECORDED', (one) => (one.by === 'olga-1' ? { ...one, executionId: DONE } : one)),
    ],
    'a run that was not looked at when it was over': [
      /the history is whole: it ends before all was over/,
      () => aGoodHistory().filter((one) => one.kind !== 'PHASE' || one.phase !== 'CENSUS'),
    ],
    'a fleet that nobody has looked at in the end': [
      /the history is whole: nobody has looked at b in the end/,
      () => aGoodHistory().filter((one) => one.kind !== 'STANDING' || one.fleet !== 'b'),
    ],
    'a run in which nothing was upgraded': [
      /the history is whole: no upgrade is in it/,
      () => aGoodHistory().filter((one) => one.kind !== 'EXECUTION'),
    ],
    'a process started twice for one attempt': [
      /a-0 1.0.1 was started 2 times, 1 were told of/,
      () => spoilt('STARTED', (one) => (one.version === '1.0.1' ? [one, one] : one)),
    ],
    'an act under a fence that was superseded': [
      /I11: b: .*"epoch":2.*after.*"epoch":3/,
      () =>
        actsOf((acts) =>
          acts.map((act) =>
            act.verb === 'readmit' ? { ...act, fence: { handOver: 1, epoch: 2 } } : act,
          ),
        ),
    ],
    'more taken than there is room for': [
      /I4: a: a-0 a-1 taken, 2 are off, room for 1/,
      () =>
        spoilt('LOOK', (one) =>
          one.changed[0]?.admitted === false
            ? { ...one, changed: [...one.changed, { ...one.changed[0], id: 'a-1' }] }
            : one,
        ),
    ],
    'an instance of the serving set taken by BLUE_GREEN': [
      /I4: a: a-0 taken, 1 are off, room for 0/,
      () => executionSpoilt(BACK, { strategy: 'BLUE_GREEN' }),
    ],
    'two that were active at once': [
      /I5: .*a was created while .*b was active|I5: .*b was created while .*a was active/,
      () =>
        executionSpoilt(BACK, {
          ...{ tenantId: 'tenant-b', componentId: 'component-of-b', createdAt: iso(30_000) },
        }),
    ],
    'an action that was accepted and not recorded': [
      /I13: pause by olga-1 was accepted and is not recorded/,
      () => spoilt('RECORDED', (one) => (one.by === 'olga-1' ? [] : one)),
    ],
    'an action recorded twice': [
      /I13: pause by olga-1 is recorded 2 times/,
      () => spoilt('RECORDED', (one) => (one.by === 'olga-1' ? [one, one] : one)),
    ],
    'an action that was accepted and had no effect': [
      /I13: cancel by otto-9 was accepted and no event tells of it/,
      () => [
        ...aGoodHistory(),
        ...asking('otto-9', 'cancel', BACK, 202),
        { kind: 'RECORDED', executionId: BACK, action: 'CANCEL', by: 'otto-9', force: false },
      ],
    ],
    'an action that was refused and done': [
      /I13: resume by olga-2 was refused and done/,
      () => [
        ...aGoodHistory(),
        { kind: 'RECORDED', executionId: BACK, action: 'RESUME', by: 'olga-2', force: false },
      ],
    ],
    'an action that nobody asked for': [
      /I13: CANCEL by nobody was never asked/,
      () => [
        ...aGoodHistory(),
        { kind: 'RECORDED', executionId: BACK, action: 'CANCEL', by: 'nobody', force: false },
      ],
    ],
    'an upgrade that was acknowledged and is gone': [
      /was created and is not there/,
      () => [...aGoodHistory(), ...asking('ann-9', 'create', 'gone', 201)],
    ],
    'one wish that made two upgrades': [
      /one wish of ann-1 made/,
      () =>
        eventSpoilt(`${DONE}/1`, (one) => ({ ...one, text: one.text.replace('ann-2', 'ann-1') })),
    ],
    'an answer that names another tenant': [
      /I14: an answer to tenant-a names tenant-b/,
      () =>
        spoilt('ANSWERED', (one) =>
          one.status === 409 ? { ...one, mentions: ['tenant-b'] } : one,
        ),
    ],
    'an answer to a stranger': [
      /I14: tenant-b is answered 202 about tenant-a/,
      () => [...aGoodHistory(), ...asking('ivan-2', 'pause', BACK, 202, { asTenant: 'tenant-b' })],
    ],
    'an event of another tenant': [
      /I14: .*\/8 names another tenant/,
      () =>
        eventSpoilt(`${DONE}/8`, (one) => ({
          ...one,
          text: one.text.replace('tenant-b', 'tenant-a'),
        })),
    ],
    'a server error': [
      /is answered 500/,
      () => spoilt('ANSWERED', (one) => (one.status === 503 ? { ...one, status: 500 } : one)),
    ],
    'a 503 while nothing was away': [
      /503 DATABASE_UNAVAILABLE while nothing was away/,
      () => spoilt('BLOW', () => []),
    ],
    'an upgrade that never ends': [
      /I15: .* is IN_PROGRESS/,
      () => executionSpoilt(DONE, { status: 'IN_PROGRESS', completedAt: null }),
    ],
    'a rollback that ends without a word': [
      /I7: .* was to be taken back and is FAILED, 0 left over/,
      () => executionSpoilt(BACK, { status: 'FAILED' }),
    ],
    'a row that is not so at the target': [
      /I8: i-0 is COMPLETED on 1.0.1, and is .*"admitted":false/,
      () =>
        spoilt('STANDING', (one) => ({
          ...one,
          instances: one.instances.map((is) => ({ ...is, admitted: is.id !== 'i-0' })),
        })),
    ],
    'a rolled back row that is not so': [
      /I8: a-0 is ROLLED_BACK on 1.0.0, and is .*1.0.1/,
      () =>
        spoilt('STANDING', (one) => ({
          ...one,
          instances: one.instances.map((is) => ({ ...is, version: '1.0.1' })),
        })),
    ],
    'a deployment that says something else': [
      /I8: the deployment of b says/,
      () => spoilt('STANDING', (one) => ({ ...one, observedVersions: { '1.0.0': 2 } })),
    ],
    'a current version that did not move': [
      /I8: all of b run 1.0.1, its current version is 1.0.0/,
      () =>
        spoilt('STANDING', (one) =>
          one.fleet === 'b' ? { ...one, currentVersionId: 'b-0' } : one,
        ),
    ],
    'a set that nobody knows of': [
      /I8: a has the sets main, u-1/,
      () => spoilt('STANDING', (one) => ({ ...one, sets: [...one.sets, 'u-1'] })),
    ],
    'traffic that goes to another set': [
      /I8: u-1 is LIVE, main is live/,
      () => executionSpoilt(DONE, { newSet: { name: 'u-1', state: 'LIVE', leftBehind: null } }),
    ],
    'a version that nothing can run, completed': [
      /I9: .* is COMPLETED on 1.0.1, which nothing can run/,
      () => spoilt('VERSIONS', (one) => ({ ...one, bad: ['1.0.1'] })),
    ],
    'an upgrade completed without its checks': [
      /I9: .* is COMPLETED, its checks: /,
      () => executionSpoilt(DONE, { postChecks: [] }),
    ],
    'requests that were lost': [
      /a: 3 requests were lost/,
      () => spoilt('LOAD', (one) => ({ ...one, dropped: 3, problems: ['fresh: reset'] })),
    ],
    'a dead letter': [
      /dead letters beside upgrade.progress.v1: not JSON/,
      () => spoilt('DEAD_LETTERS', (one) => ({ ...one, reasons: ['not JSON'] })),
    ],
  };

  it.each(Object.entries(spoils))('%s', (_, [caught, history]) => {
    const lines = numbered(history());
    const findings = checkHistory(lines).flatMap((check) => {
      return check.findings.map((finding) => ({ ...finding, name: check.name }));
    });
    const found = findings.filter(({ name, what }) => caught.test(`${name}: ${what}`));
    expect(findings.map(({ name, what }) => `${name}: ${what}`)).toEqual(
      expect.arrayContaining([expect.stringMatching(caught)]),
    );
    for (const { lines: named } of found) {
      expect(named.length).toBeGreaterThan(0);
      for (const line of named) expect(lines[line - 1]).toBeDefined();
    }
  });
});
