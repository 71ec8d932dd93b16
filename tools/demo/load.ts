/** A small load generator: clients beside each other that never stop asking. */
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import {
  LoadTally,
  type Answered,
  type LoadReading,
  type Outcome,
  type RequestKind,
} from './load-tally.js';

export interface LoadOptions {
  /** Where the edge proxy takes the fleet's traffic. */
  readonly url: string;
  readonly kept: number;
  readonly fresh: number;
  readonly slow: number;
  /** Between an answer and the next request of the same client. */
  readonly pauseMs: number;
  /** How long a slow request asks to last. */
  readonly slowMs: number;
}

export const DEMO_LOAD: Omit<LoadOptions, 'url'> = {
  kept: 6,
  fresh: 3,
  slow: 2,
  pauseMs: 20,
  slowMs: 800,
};

/** Longer than anything here may take: what is not answered by then is lost. */
const ANSWER_LIMIT_MS = 15_000;

export interface Load {
  read(): LoadReading;
  /** What was answered after this moment, ms since 1970, up to a minute back. */
  since(fromMs: number): readonly Answered[];
  /** Ends when every request under way has been answered; what it says then is final. */
  stop(): Promise<LoadReading>;
}

/** Starts the clients; each has one request under way at a time. */
export function startLoad(options: LoadOptions): Load {
  const tally = new LoadTally();
  const ending = new AbortController();
  const kept = new Agent({ connections: options.kept + options.slow, pipelining: 1 });
  const client = async (kind: RequestKind): Promise<void> => {
    while (!ending.signal.aborted) {
      tally.add(await ask(kind, options, kept), clockMs());
      // The pace of the load itself; an abort ends it at once.
      await pause(options.pauseMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const kinds: RequestKind[] = ['kept', 'fresh', 'slow'];
  const clients = kinds.flatMap((kind) =>
    Array.from({ length: options[kind] }, () => client(kind)),
  );
  let stopped: Promise<LoadReading> | undefined;
  const stop = async (): Promise<LoadReading> => {
    ending.abort();
    await Promise.all(clients);
    await kept.close();
    return tally.read(clockMs());
  };
  return {
    read: () => tally.read(clockMs()),
    since: (fromMs) => tally.since(fromMs),
    stop: () => (stopped ??= stop()),
  };
}

/** Ms since 1970, as events and samples have it, in fractions and never going back. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

const MET_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 10;

/** Waits for what the load meets; rejects past a limit. */
export async function untilMet(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + MET_LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`the load has not met within 30 s: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

async function ask(kind: RequestKind, options: LoadOptions, kept: Agent): Promise<Outcome> {
  const path = kind === 'slow' ? `/slow?ms=${String(options.slowMs)}` : '/';
  // A client of its own has a connection of its own, which nothing keeps.
  const fresh = kind === 'fresh' ? new Agent({ connections: 1, pipelining: 0 }) : undefined;
  const beganMs = performance.now();
  try {
    const said = await answerOf(`${options.url}${path}`, fresh ?? kept);
    return { kind, tookMs: performance.now() - beganMs, ...said };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { kind, tookMs: performance.now() - beganMs, problem };
  } finally {
    await fresh?.destroy();
  }
}

/** The proxy never says this; an instance does, when it has failed. */
const INSTANCE_FAILED = 500;

async function answerOf(
  url: string,
  dispatcher: Dispatcher,
): Promise<Pick<Outcome, 'version' | 'isError'>> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const text = await body.text();
  if (statusCode === INSTANCE_FAILED) return { isError: true };
  if (statusCode !== 200) throw new Error(`${String(statusCode)} ${text.slice(0, 100)}`);
  const { version } = JSON.parse(text) as { version?: string };
  if (version === undefined) throw new Error(`an answer without a version: ${text.slice(0, 100)}`);
  return { version };
}
