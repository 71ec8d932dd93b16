import type { ExecutionAnswer } from '../product/registry-api.js';
import { play, type Scene } from './act.js';
import type { Demonstration } from './demonstration.js';
import { clockMs } from './load.js';
import { countByVersion } from './load-tally.js';
import type { Found } from './summary.js';
import { milliseconds, seconds, sharesOf } from './table.js';
import { underLoad } from './under-load.js';

/** Where production has 30 s. */
const SAMPLE_EVERY_SECONDS = 2;
const SHARE = 20;
/** A share is seen exactly only over many answers. */
const SHARE_OFF_BY_MAX = 5;

const ASKED = {
  strategy: 'CANARY',
  canaryPercentage: SHARE,
  /** The least there is; a person may promote before, and the monitor need not wait for it. */
  canaryDurationSeconds: 60,
};

/** Canaries that a person promotes, and canaries that turn bad and are taken back by themselves. */
export const canary: Demonstration = {
  about: 'good canaries are promoted, bad ones are found out and taken back',
  env: { 'canary-monitor': { CANARY_INTERVAL_SECONDS: String(SAMPLE_EVERY_SECONDS) } },
  run: (stage) =>
    underLoad(stage, async (load) => {
      stage.screen.say(
        `\n1. 1.0.0 → 1.1.0 with canaries: ${String(SHARE)} % of the instances go first and get ` +
          `${String(SHARE)} % of the traffic; the rest follows when a person has promoted them\n`,
      );
      const good = await play(stage, load, {
        ...{ from: '1.0.0', to: '1.1.0', asked: ASKED },
        owed: { status: 'COMPLETED' },
        people: promoteHealthy,
      });
      stage.screen.say(
        '\n2. 1.1.0 → 1.7.0 with canaries: it starts well, and after 20 s it turns bad: not healthy ' +
          'any more, and every second greeting an error. Nobody watches but the canary monitor\n',
      );
      const bad = await play(stage, load, {
        ...{ from: '1.1.0', to: '1.7.0', asked: ASKED },
        // The errors are the version's own; that only canaries make them is what is shown.
        owed: { status: 'ROLLED_BACK', mayErr: true },
        people: watchTurnBad,
      });
      return [good, bad];
    }),
};

async function promoteHealthy(scene: Scene): Promise<Found> {
  await scene.until('its canaries are watched', ({ status }) => status === 'CANARY_MONITORING');
  const watchedAtMs = clockMs();
  scene.say(
    `\nThe canaries are on ${scene.view().toVersion} and serve. The canary monitor looks at them ` +
      `every ${String(SAMPLE_EVERY_SECONDS)} s: are they healthy, and is their rate of errors ` +
      'below 5 %? Three samples in a row that pass are HEALTHY\n',
  );
  await untilVerdict(scene, 'HEALTHY');
  const byVersion = countByVersion(scene.load.since(watchedAtMs));
  scene.say('\nHEALTHY by its samples: ann promotes them, and the rest follows two at a time\n');
  await scene.api('ann').post(`upgrades/${scene.id}/promote-canary`, { reason: 'looks good' });
  const { toVersion } = scene.view();
  const served = Object.values(byVersion).reduce((sum, count) => sum + count, 0);
  const share = (100 * (byVersion[toVersion] ?? 0)) / served;
  const isOff = !(Math.abs(share - SHARE) <= SHARE_OFF_BY_MAX);
  return {
    lines: [`while they were watched the load was answered by ${sharesOf(byVersion)}`],
    problems: isOff ? [`canaries got ${share.toFixed(1)} % instead of ${String(SHARE)} %`] : [],
  };
}

/** The event says that there is a new verdict, REST which. */
async function untilVerdict(scene: Scene, wanted: string): Promise<void> {
  for (let heard = 1; ; heard += 1) {
    const news = ({ notes }: { notes: readonly string[] }): boolean =>
      notes.filter((note) => note === 'CANARY_VERDICT').length >= heard;
    await scene.until(`its canaries are ${wanted}`, news);
    const { canary: found } = await answerOf(scene);
    if (found?.verdict === wanted) return;
  }
}

function answerOf(scene: Scene): Promise<ExecutionAnswer> {
  return scene.api('newcomer').get<ExecutionAnswer>(`upgrades/${scene.id}`);
}

async function watchTurnBad(scene: Scene): Promise<Found> {
  await scene.until('its canaries are watched', ({ status }) => status === 'CANARY_MONITORING');
  scene.say('\nThe canaries serve, and for now they are good\n');
  await scene.until('it is taken back', ({ status }) => status === 'ROLLING_BACK');
  const givenUpAtMs = clockMs();
  scene.say('\nThree samples in a row have failed: UNHEALTHY, and the canaries are taken back\n');
  await scene.until('it is back', ({ status }) => status === 'ROLLED_BACK');
  const { canary: watch } = await answerOf(scene);
  const failed = watch?.samples.filter(({ outcome }) => outcome === 'FAIL') ?? [];
  const [first] = failed;
  const isByErrors = failed.some(({ findings }) =>
    findings.some(({ of, outcome }) => of === 'error-rate' && outcome === 'FAIL'),
  );
  if (first === undefined) return { lines: [], problems: ['no sample has failed'] };
  const firstAtMs = Date.parse(first.at);
  const { toVersion } = scene.view();
  // An error does not say which version it is of; here only the canaries make any.
  const bad = scene.load.since(firstAtMs).filter(({ version }) => {
    return version === null || version === toVersion;
  });
  const cleanAfterMs = (bad.at(-1)?.atMs ?? firstAtMs) - firstAtMs;
  const decidedAfterMs = Math.max(0, givenUpAtMs - firstAtMs);
  return {
    lines: [
      `from the first failing sample (number ${String(first.number)}) to the decision: ` +
        `${seconds(decidedAfterMs)}; to the last answer of ${toVersion}: ${seconds(cleanAfterMs)}`,
      `from the decision to clean traffic: ${milliseconds(Math.max(0, cleanAfterMs - decidedAfterMs))}`,
    ],
    problems: isByErrors ? [] : ['no sample has failed by its rate of errors'],
  };
}
