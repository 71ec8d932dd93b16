import { FAILURE_KINDS, type FailureKind } from '#core/execution/execution-inputs.js';
import { aligned } from './markdown-table.js';

const MEANINGS: Readonly<Record<FailureKind, string>> = {
  DRAIN_FAILED: 'the target could not drain it',
  BRING_FAILED: 'the target could not bring it to the version',
  UNHEALTHY: 'its health endpoint did not say healthy within `healthCheckTimeoutSeconds`',
  WRONG_VERSION: 'it is healthy, but reports another version than the one it was brought to',
  READMIT_FAILED: 'the target could not let it back into the traffic',
  VANISHED: 'it is not there any more',
  TIMEOUT: 'a step took longer than its limit',
};

/** What `failure` of an instance's event can be. */
export function failuresSection(): string {
  return [
    '## Why an instance failed',
    '',
    '`data.failure` of an instance that moved to FAILED; `why` says more, in a sentence.',
    '',
    aligned([
      ['failure', 'meaning'],
      ...FAILURE_KINDS.map((kind) => [`\`${kind}\``, MEANINGS[kind]]),
    ]),
    '',
  ].join('\n');
}
