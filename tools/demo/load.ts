/** A small load generator: clients beside each other that never stop asking. */
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import { LoadTally, type LoadReading, type Outcome, type RequestKind } from './load-tally.js';

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
      tally.add(await ask(kind, options, kept), performance.now());
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
    return tally.read(performance.now());
  };
  return { read: () => tally.read(performance.now()), stop: () => (stopped ??= stop()) };
}

async function ask(kind: RequestKind, options: LoadOptions, kept: Agent): Promise<Outcome> {
  const path = kind === 'slow' ? `/slow?ms=${String(options.slowMs)}` : '/';
  // A client of its own has a connection of its own, which nothing keeps.
  const fresh = kind === 'fresh' ? new Agent({ connections: 1, pipelining: 0 }) : undefined;
  const beganMs = performance.now();
  try {
    const version = await versionThatAnswered(`${options.url}${path}`, fresh ?? kept);
    return { kind, tookMs: performance.now() - beganMs, version };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { kind, tookMs: performance.now() - beganMs, problem };
  } finally {
    await fresh?.destroy();
  }
}

async function versionThatAnswered(url: string, dispatcher: Dispatcher): Promise<string> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${String(statusCode)} ${text.slice(0, 100)}`);
  const { version } = JSON.parse(text) as { version?: string };
  if (version === undefined) throw new Error(`an answer without a version: ${text.slice(0, 100)}`);
  return version;
}
