import { idOf } from '../product/example-fleet.js';
import { play, type Scene } from './act.js';
import type { Demonstration, Stage } from './demonstration.js';
import { clockMs, untilMet } from './load.js';
import type { Answered } from './load-tally.js';
import type { Found } from './summary.js';
import { milliseconds } from './table.js';
import type { UpgradeView } from './upgrade-view.js';
import { underLoad } from './under-load.js';

const WAY = { from: '1.0.0', to: '1.1.0' };
const ASKED = {
  strategy: 'BLUE_GREEN',
  // A whole set of processes starts at once.
  healthCheckTimeoutSeconds: 30,
};
/** Nothing is taken from the set that serves, at no moment. */
const WHOLE = { mostDown: 0 };
/** After the switch there is time to see that something is wrong. */
const SMOKE_TEST = { method: 'GET', path: '/slow?ms=4000', expectedStatus: 200 };
/** So many answers of the new version are enough to be sure that it serves. */
const ANSWERS_SEEN = 50;

/** A new set takes over in one act, goes back the same way, and is rolled back after its switch. */
export const blueGreen: Demonstration = {
  about: 'a new set, switched in one act, and back; how long that takes',
  run: (stage) =>
    underLoad(stage, async (load) => {
      await addSmokeTest(stage);
      stage.screen.say(
        '\n1. 1.0.0 → 1.1.0, blue-green: a whole new set is made and checked beside the old one, ' +
          'then all traffic goes to it in one act; a smoke test of 4 s follows\n',
      );
      const there = await play(stage, load, {
        ...{ ...WAY, asked: ASKED, owed: { status: 'COMPLETED', ...WHOLE } },
        people: watchSwitch,
      });
      stage.screen.say(
        '\n2. Its revert: the old set was kept (blueGreenRetentionSeconds, here 600), so that going ' +
          'back is a look at it and a switch\n',
      );
      const back = await play(stage, load, {
        ...{ from: WAY.to, to: WAY.from, owed: { status: 'COMPLETED', ...WHOLE } },
        reverts: there.view.executionId,
        people: measureRevert,
      });
      stage.screen.say(
        '\n3. 1.0.0 → 1.1.0 again, and this time olga rolls it back after the switch, while the ' +
          'smoke test runs\n',
      );
      const rolledBack = await play(stage, load, {
        ...{ ...WAY, asked: ASKED, owed: { status: 'ROLLED_BACK', ...WHOLE } },
        people: rollBackAfterSwitch,
      });
      return [there, back, rolledBack];
    }),
};

async function addSmokeTest(stage: Stage): Promise<void> {
  const { componentId, versionIds } = stage.fleet;
  const version = `components/${componentId}/versions/${idOf(versionIds, WAY.to)}`;
  await stage.api('newcomer').patch(version, { smokeTests: [SMOKE_TEST] });
}

const isSwitched = ({ notes }: UpgradeView): boolean => notes.includes('SET_SWITCHED');

async function watchSwitch(scene: Scene): Promise<Found> {
  await scene.until('there is a new set', ({ notes }) => notes.includes('SET_CREATED'));
  scene.say(
    '\nThe new set has its places: processes start in all of them, no traffic goes there\n',
  );
  await scene.until('traffic is switched', isSwitched);
  const { fromVersion, toVersion } = scene.view();
  await untilAnswered(scene, toVersion, scene.startedAtMs);
  const answers = scene.load.since(scene.startedAtMs);
  const firstNewMs = begins(answers, toVersion).at(0) ?? 0;
  const lastOldMs = begins(answers, fromVersion).at(-1) ?? 0;
  const bothMs = Math.max(0, lastOldMs - firstNewMs);
  const said =
    `the switch: of the requests sent ${bothMs === 0 ? '' : `${milliseconds(bothMs)} or more `}` +
    `after the first that met ${toVersion}, none met ${fromVersion}`;
  scene.say(`\n${said}; a smoke test of ${toVersion} now decides whether it stays\n`);
  return { lines: [said], problems: [] };
}

async function measureRevert(scene: Scene): Promise<Found> {
  const { fromVersion, toVersion } = scene.view();
  await scene.until('traffic is switched back', isSwitched);
  await untilAnswered(scene, toVersion, scene.startedAtMs);
  const way = { gone: fromVersion, again: toVersion, fromMs: scene.startedAtMs };
  const said = `the revert: ${wayBack(scene, way, 'its start')}`;
  scene.say(`\n${said}; the kept set was looked at first\n`);
  return { lines: [said], problems: [] };
}

async function rollBackAfterSwitch(scene: Scene): Promise<Found> {
  const { fromVersion, toVersion } = scene.view();
  await scene.until('traffic is switched', isSwitched);
  await untilAnswered(scene, toVersion, scene.startedAtMs);
  scene.say('\nAll traffic is on the new set. olga does not like what she sees: rollback\n');
  const fromMs = clockMs();
  await scene.api('olga').post(`upgrades/${scene.id}/rollback?reason=complaints`);
  await scene.until('it is back', ({ status }) => status === 'ROLLED_BACK');
  const way = { gone: toVersion, again: fromVersion, fromMs };
  const isBack = (begins(scene.load.since(fromMs), fromVersion).at(-1) ?? 0) >= fromMs;
  return {
    lines: [`the rollback: ${wayBack(scene, way, 'the request')}`],
    problems: isBack ? [] : ['the old version has not answered again'],
  };
}

interface Way {
  /** The version that traffic goes away from, and the one it goes back to. */
  readonly gone: string;
  readonly again: string;
  readonly fromMs: number;
}

function wayBack({ load }: Scene, { gone, again, fromMs }: Way, moment: string): string {
  // A long request that was sent before says nothing of where new ones go.
  const answers = load.since(fromMs).filter(({ beganAtMs }) => beganAtMs >= fromMs);
  const firstMs = answers.find(({ version }) => version === again)?.atMs ?? fromMs;
  const lastMs = begins(answers, gone).at(-1) ?? fromMs;
  return (
    `${again} answered again ${milliseconds(firstMs - fromMs)} after ${moment}, the last new ` +
    `request to ${gone} was sent ${milliseconds(Math.max(0, lastMs - fromMs))} after it`
  );
}

/** When the requests were sent that this version answered, the earliest first. */
function begins(answers: readonly Answered[], wanted: string): number[] {
  return answers
    .filter(({ version }) => version === wanted)
    .map(({ beganAtMs }) => beganAtMs)
    .sort((a, b) => a - b);
}

async function untilAnswered(scene: Scene, version: string, fromMs: number): Promise<void> {
  const count = (): number => begins(scene.load.since(fromMs), version).length;
  await untilMet(`${version} answers`, () => count() >= ANSWERS_SEEN);
}
