/** What REST tells of an upgrade that no event does: samples of its canaries, and whom it waits for. */
import type { ExecutionAnswer } from '../product/registry-api.js';

const TO_DO: Readonly<Record<string, string>> = {
  APPROVAL: 'to approve',
  PROMOTION: 'to promote',
  RESUME: 'to resume',
};

/** In one line, and empty when there is nothing of that kind. */
export function noticeOf(answer: ExecutionAnswer): string {
  const { status, waitingFor, canary } = answer;
  const sample = canary?.samples.at(-1);
  const isWatched = status === 'CANARY_MONITORING' && canary !== null;
  const watched = !isWatched
    ? []
    : [
        canary.verdict ?? 'no verdict yet',
        ...(sample === undefined ? [] : [sampleSentence(sample)]),
      ];
  const toDo = TO_DO[waitingFor?.kind ?? ''];
  const waits =
    waitingFor === null || toDo === undefined ? [] : [`waits for ${whom(waitingFor.who)} ${toDo}`];
  return [...watched, ...waits].join('; ');
}

function whom(who: string): string {
  return who === 'operator' ? 'an operator' : who;
}

type Sample = NonNullable<ExecutionAnswer['canary']>['samples'][number];

function sampleSentence({ number, outcome, findings }: Sample): string {
  const found = findings.map(({ of, outcome: each, value }) => {
    return value === null ? `${of} ${each}` : `${of} ${each} ${String(Number(value.toFixed(3)))}`;
  });
  return `sample ${String(number)} ${outcome} (${found.join(', ')})`;
}
