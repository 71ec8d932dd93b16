/** Arms and their watcher run as processes of their own, so that none borrows another's core. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ArmResult, Job } from './arm.js';

const LOADER = pathToFileURL(join(import.meta.dirname, '..', '..', 'tools', 'typescript.mjs')).href;
const ARM_LIMIT_MS = 300_000;

export interface Seen {
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly problems: readonly string[];
}

function begin(file: string, args: readonly string[]): ChildProcess {
  const execArgv = [`--import=${LOADER}`, '--disable-warning=TimeoutNegativeWarning'];
  const env = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' };
  return fork(join(import.meta.dirname, file), args, { execArgv, env });
}

/** The next message that `pick` takes; rejects when the process ends before, or after the limit. */
function answerOf<T>(
  child: ChildProcess,
  what: string,
  pick: (said: object) => T | null,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${what}: no answer within ${String(ARM_LIMIT_MS)} ms`));
    }, ARM_LIMIT_MS);
    const settle = (end: () => void): void => {
      clearTimeout(limit);
      child.off('message', hear);
      end();
    };
    const hear = (said: object): void => {
      const picked = pick(said);
      if (picked !== null)
        settle(() => {
          resolve(picked);
        });
    };
    child.on('message', hear);
    child.once('exit', (code) => {
      settle(() => {
        reject(new Error(`${what} ended with ${String(code)}`));
      });
    });
  });
}

/** Watches a topic from now on. `seen` resolves when all expected events have come. */
export async function watch(expected: {
  kafkaBrokers: string;
  topic: string;
  instanceEvents: number;
  lastStatus: string;
}): Promise<{ seen: Promise<Seen> }> {
  const child = begin('watcher.main.ts', [JSON.stringify(expected)]);
  await answerOf(child, 'the watcher', (said) => ('ready' in said ? true : null));
  const seen = answerOf(child, 'the watcher', (said) =>
    'lastAtMs' in said ? (said as Seen) : null,
  );
  return {
    seen: seen.finally(() => child.send({ end: true })),
  };
}

/** Runs a loop without product; resolves with when it began its work. */
export async function runLoop(arm: 'limit' | 'naive', job: Job): Promise<ArmResult> {
  const child = begin('loops.main.ts', [arm, JSON.stringify(job)]);
  return answerOf(child, arm, (said) => ('startedAtMs' in said ? (said as ArmResult) : null));
}
