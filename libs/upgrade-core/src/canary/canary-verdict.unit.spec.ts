import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CANARY_LIMITS } from '../limits.js';
import { SAMPLE_OUTCOMES, type CanarySample, type SampleOutcome } from './canary-samples.js';
import { withSample, worstOf } from './canary-verdict.js';
import type { CanaryWatch } from './canary-watch.js';

type Judged = Parameters<typeof withSample<CanaryWatch>>[0];

const NONE = {
  lastNumber: 0,
  totals: { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 },
  streak: null,
  verdict: null,
  reason: '',
  samples: [],
  untold: 0,
} as unknown as Judged;

const LETTERS: Readonly<Record<string, SampleOutcome>> = {
  P: 'PASS',
  F: 'FAIL',
  N: 'NO_DATA',
  E: 'ERROR',
};

function sample(number: number, outcome: SampleOutcome): CanarySample {
  const finding = { of: 'latency', outcome, value: null, summary: `seen at ${String(number)}` };
  return { number, atMs: number * 30_000, outcome, findings: [finding] };
}

/** After samples as `PPF`, at the moments 1, 2, 3…; a dot is a moment that was missed. */
function after(outcomes: string): Judged {
  return Array.from(outcomes).reduce((watch, letter, at) => {
    const outcome = LETTERS[letter];
    return outcome === undefined ? watch : withSample(watch, sample(at + 1, outcome));
  }, NONE);
}

describe('the verdict', () => {
  test.each([
    ['P', 'INCONCLUSIVE'],
    ['PP', 'INCONCLUSIVE'],
    ['PPP', 'HEALTHY'],
    ['PPPPPP', 'HEALTHY'],
    // The row is of samples that were taken.
    ['PP..P', 'HEALTHY'],
    ['FF.F', 'UNHEALTHY'],
    // No data and errors are no pass, and break a row.
    ['NNN', 'INCONCLUSIVE'],
    ['EEEEEEEEEE', 'INCONCLUSIVE'],
    ['PPNP', 'INCONCLUSIVE'],
    ['PPEPP', 'INCONCLUSIVE'],
    ['PPNPPP', 'HEALTHY'],
    ['PPPN', 'INCONCLUSIVE'],
    ['PPPE', 'INCONCLUSIVE'],
    ['PPPF', 'INCONCLUSIVE'],
    ['FF', 'INCONCLUSIVE'],
    ['FFNF', 'INCONCLUSIVE'],
    ['FFEF', 'INCONCLUSIVE'],
    ['FFF', 'UNHEALTHY'],
    ['PPPFFF', 'UNHEALTHY'],
    // Five in all, however they are spread.
    ['FPPPFPPPFPPPF', 'INCONCLUSIVE'],
    ['FPPPFPPPFPPPFPPP', 'HEALTHY'],
    ['FPPPFPPPFPPPFPPPF', 'UNHEALTHY'],
    ['FNFNFNFNF', 'UNHEALTHY'],
    // Latched.
    ['FFFPPPPPPPPP', 'UNHEALTHY'],
    ['FNFNFNFNFPPPPP', 'UNHEALTHY'],
  ])('after %s is %s', (outcomes, verdict) => {
    expect(after(outcomes).verdict).toBe(verdict);
  });

  test('says why, by what the decisive sample found', () => {
    expect(after('PFFF').reason).toBe(
      '3 samples in a row failed; the last: latency: FAIL, seen at 4',
    );
    expect(after('FPFPFPFPF').reason).toMatch(/^5 samples failed; the last: latency: FAIL/);
    expect(after('FFFP').reason).toContain('seen at 3');
    expect(after('PPN').reason).toBe('latency: NO_DATA, seen at 3');
    expect(after('NP').reason).toBe('one sample passed so far; 3 in a row are needed');
    expect(after('PPP').reason).toBe('the last 3 samples passed');
  });
});

test('of all samples the totals are kept, and the latest twenty', () => {
  const watch = after('PPFNE'.repeat(100).replaceAll('F', 'N'));
  expect(watch.totals).toEqual({ PASS: 200, FAIL: 0, NO_DATA: 200, ERROR: 100 });
  expect(watch.samples.map(({ number }) => number)).toEqual(
    Array.from({ length: 20 }, (_, at) => 481 + at),
  );
  expect(watch).toMatchObject({ lastNumber: 500, untold: 500 });
});

test.each([
  [[], 'NO_DATA'],
  [['PASS', 'PASS'], 'PASS'],
  [['PASS', 'NO_DATA'], 'NO_DATA'],
  [['NO_DATA', 'ERROR', 'PASS'], 'ERROR'],
  [['ERROR', 'NO_DATA', 'FAIL'], 'FAIL'],
] as [SampleOutcome[], SampleOutcome][])('%j together are %s', (outcomes, worst) => {
  expect(worstOf(outcomes)).toBe(worst);
});

test('any row of samples comes to what a count from scratch comes to', () => {
  const outcomes = fc.array(fc.constantFrom(...SAMPLE_OUTCOMES), { maxLength: 60 });
  fc.assert(
    fc.property(outcomes, (taken) => {
      const watch = taken.reduce((so, one, at) => withSample(so, sample(at + 1, one)), NONE);
      expect(watch.verdict).toBe(verdictFromScratch(taken));
    }),
    { numRuns: 500 },
  );
});

/** Spec §6 once more, told over the whole row instead of counted along. */
function verdictFromScratch(taken: readonly SampleOutcome[]): Judged['verdict'] {
  const { failuresInARow, failuresInAll, passesInARow } = CANARY_LIMITS;
  const isBad = taken.some((_, at) => {
    const until = taken.slice(0, at + 1);
    const last = until.slice(-failuresInARow);
    const inARow = last.length === failuresInARow && last.every((one) => one === 'FAIL');
    return inARow || until.filter((one) => one === 'FAIL').length >= failuresInAll;
  });
  if (isBad) return 'UNHEALTHY';
  if (taken.length === 0) return null;
  const last = taken.slice(-passesInARow);
  const isGood = last.length === passesInARow && last.every((one) => one === 'PASS');
  return isGood ? 'HEALTHY' : 'INCONCLUSIVE';
}
