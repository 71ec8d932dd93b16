import { describe, expect, it } from '@jest/globals';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import { ManualClock } from '#testing/manual-clock.js';
import { SimulatedTargets } from './simulated-targets.js';
import { RegisteredDrivers } from './target-drivers.js';
import { TargetSettingsError } from './target.driver.js';

function problemsOf(act: () => unknown): readonly { field: string; expected: string }[] {
  try {
    act();
  } catch (error) {
    if (error instanceof TargetSettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('registered drivers', () => {
  const clock = new ManualClock();
  const simulated = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
  const drivers = new RegisteredDrivers({ simulated, agent: simulated });

  it('open a target by the name of its driver', async () => {
    const settings = { fleet: 't/c', version: '1.0.0', instances: 3 };
    const driver = drivers.open({ driver: 'simulated', settings });
    expect(await driver.room([])).toMatchObject({ listed: 3 });
  });

  it('name the drivers there are when asked for another', () => {
    for (const driver of ['kubernetes', '__proto__', 'toString']) {
      expect(problemsOf(() => drivers.open({ driver, settings: {} }))).toEqual([
        { field: 'driver', expected: 'one of agent, simulated' },
      ]);
    }
  });

  it('name every setting that does not fit', () => {
    const settings = { instances: 0, faults: [{ on: 'NOWHERE', how: 'FAIL' }], size: 3 };
    const fields = problemsOf(() => drivers.check({ driver: 'simulated', settings }));
    expect(fields.map((problem) => problem.field)).toEqual(
      expect.arrayContaining(['settings.instances', 'settings.faults.0.on', 'settings.size']),
    );
  });

  it('name what is wrong with metrics, backups and their faults', () => {
    const settings = {
      spare: -1,
      backups: [{ ageHours: -1, verified: 'yes' }],
      metrics: { errors: 'few', load: { '1.0.0': Infinity }, '': 1 },
      faults: [
        { on: 'METRICS', how: 'LIE' },
        { on: 'METRICS', how: 'NO_DATA' },
      ],
    };
    const problems = problemsOf(() => drivers.check({ driver: 'simulated', settings }));
    expect(problems.map((problem) => problem.field).sort()).toEqual([
      'settings.backups.0.ageHours',
      'settings.backups.0.verified',
      'settings.faults.0.how',
      'settings.metrics.',
      'settings.metrics.errors',
      'settings.metrics.load',
      'settings.spare',
    ]);
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`m${n}`, n]));
    expect(
      problemsOf(() => drivers.check({ driver: 'simulated', settings: { metrics: many } })),
    ).toEqual([{ field: 'settings.metrics', expected: 'at most 100 metrics' }]);
  });

  it('check what a person wrote, and open only what the orchestrator has filled in', () => {
    const target = { driver: 'simulated', settings: { instances: 3 } };
    expect(problemsOf(() => drivers.check(target))).toEqual([]);
    expect(problemsOf(() => drivers.open(target)).map((problem) => problem.field)).toEqual([
      'settings.fleet',
      'settings.version',
    ]);
  });
});
