/** What follows from samples (spec §6). No data and errors are never a pass (I9). */
import { CANARY_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import type {
  CanarySample,
  CanaryVerdict,
  SampleFinding,
  SampleOutcome,
} from './canary-samples.js';
import type { CanaryWatch } from './canary-watch.js';

/** The worst comes first: what was seen to be bad weighs more than what was not seen. */
const WORST_FIRST = ['FAIL', 'ERROR', 'NO_DATA', 'PASS'] as const satisfies SampleOutcome[];

/** Of findings, or of parts of one; none at all is no data. */
export function worstOf(outcomes: readonly SampleOutcome[]): SampleOutcome {
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'NO_DATA';
}

type Judged = Pick<
  CanaryWatch,
  'lastNumber' | 'totals' | 'streak' | 'verdict' | 'reason' | 'samples' | 'untold'
>;

/** The watch with one more sample, and the verdict that follows. */
export function withSample<Watch extends Judged>(watch: Watch, sample: CanarySample): Watch {
  const { outcome, number } = sample;
  const totals = { ...watch.totals, [outcome]: watch.totals[outcome] + 1 };
  const length = watch.streak?.outcome === outcome ? watch.streak.length + 1 : 1;
  const samples = [...watch.samples, sample].slice(-CANARY_LIMITS.samplesKept);
  const next = { ...watch, lastNumber: number, totals, streak: { outcome, length }, samples };
  return { ...next, untold: watch.untold + 1, ...verdictOf(next, sample) };
}

function verdictOf(
  { totals, streak, verdict, reason }: Pick<Judged, 'totals' | 'streak' | 'verdict' | 'reason'>,
  last: CanarySample,
): { verdict: CanaryVerdict; reason: string } {
  const { failuresInARow, failuresInAll, passesInARow } = CANARY_LIMITS;
  if (verdict === 'UNHEALTHY') return { verdict, reason };
  const inARow = (outcome: SampleOutcome): number =>
    streak?.outcome === outcome ? streak.length : 0;
  const because = causeOf(last);
  if (inARow('FAIL') >= failuresInARow) {
    return unhealthy(`${String(failuresInARow)} samples in a row failed; the last: ${because}`);
  }
  if (totals.FAIL >= failuresInAll) {
    return unhealthy(`${String(failuresInAll)} samples failed; the last: ${because}`);
  }
  const passed = inARow('PASS');
  if (passed >= passesInARow) {
    return { verdict: 'HEALTHY', reason: `the last ${String(passesInARow)} samples passed` };
  }
  const so = last.outcome === 'PASS' ? inWords(passed) : because;
  return { verdict: 'INCONCLUSIVE', reason: clippedReason(so) };
}

function unhealthy(reason: string): { verdict: CanaryVerdict; reason: string } {
  return { verdict: 'UNHEALTHY', reason: clippedReason(reason) };
}

function inWords(passed: number): string {
  const so = passed === 1 ? 'one sample' : `${String(passed)} samples`;
  return `${so} passed so far; ${String(CANARY_LIMITS.passesInARow)} in a row are needed`;
}

/** The finding that made the sample what it is. */
function causeOf({ outcome, findings }: CanarySample): string {
  const cause: SampleFinding | undefined = findings.find((one) => one.outcome === outcome);
  return cause === undefined ? outcome : `${cause.of}: ${outcome}, ${cause.summary}`;
}

function clippedReason(reason: string): string {
  return clipped(reason, CANARY_LIMITS.reasonMaxChars);
}
