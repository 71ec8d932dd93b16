/** What smoke tests call: addresses of simulated targets, which answer what a path itself says. */
import type { SmokeTest } from '#contracts/work.messages.js';
import type { SmokeCaller } from '../../apps/validator/src/inbound/smoke-test.client.js';
import type { FaultRates } from './fault-plan.js';
import type { SeenAnswer } from './invariants/invariant.js';
import type { SimulatedProcess } from './simulated-process.js';

const ORIGIN = 'http://targets.test';
const CALLED = /^http:\/\/targets\.test\/(.+)(\/answers\/(\d{3})\?.+)$/;

export function addressOf(fleet: string): string {
  return `${ORIGIN}/${fleet}`;
}

/** @param name no other test of the version has it */
export function smokeTestOf(name: string, answered: number): SmokeTest {
  const path = `/answers/${String(answered)}?${name}`;
  return { method: 'GET', path, body: null, expectedStatus: 200, timeoutSeconds: 5 };
}

/**
 * As one process calls.
 *
 * @param answered told of every answer, in the turn in which it is given
 */
export function smokeCallerOf(
  process: SimulatedProcess,
  rates: FaultRates,
  answered: (answer: SeenAnswer) => void,
): SmokeCaller {
  return async ({ url, timeoutMs }) => {
    const [, fleet = '', path = '', said = ''] = CALLED.exec(url) ?? [];
    const startedMs = process.monotonicMs();
    const call = { fleet, verb: 'smoke test' };
    try {
      await process.targetIo(rates, 'there', call);
    } catch (error) {
      return { kind: 'NOT_CONNECTED', problem: String(error) };
    }
    const status = Number(said);
    answered({ service: process.service, fleet, to: 'CALL', path, status });
    try {
      await process.targetIo(rates, 'back', call);
    } catch (error) {
      return { kind: 'NO_ANSWER', problem: String(error) };
    }
    const durationMs = process.monotonicMs() - startedMs;
    if (durationMs > timeoutMs) return { kind: 'NO_ANSWER', problem: 'no answer in time' };
    return { kind: 'ANSWERED', status, durationMs };
  };
}
