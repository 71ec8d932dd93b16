/** One upgrade of a demonstration: asked for by REST, watched on Kafka. */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { ExecutionAnswer } from '../product/registry-api.js';
import { upgradeRequest } from '../product/upgrade-request.js';
import type { Stage } from './demonstration.js';
import type { Load } from './load.js';
import type { Moment } from './screen.js';
import type { Act } from './summary.js';
import { hasEnded, newView, seen } from './upgrade-view.js';

const REFRESH_MS = 100;
/** An upgrade of the demo takes some 15 s. */
const END_LIMIT_MS = 120_000;

export interface Script {
  readonly from: string;
  readonly to: string;
  readonly expectedStatus: string;
}

/** Plays one upgrade to its end; rejects when it does not come to one. */
export async function play(stage: Stage, load: Load, script: Script): Promise<Act> {
  const { api, fleet, screen } = stage;
  const before = load.read();
  const beganMs = performance.now();
  const { id } = await api.post<ExecutionAnswer>(
    `tenants/${fleet.tenantId}/upgrades`,
    upgradeRequest(fleet, script.from, script.to),
  );
  let view = newView(id, script, stage.instanceIds);
  const moment = (): Moment => {
    return { view, load: load.read(), elapsedMs: performance.now() - beganMs };
  };
  const ended = new AbortController();
  const unfollow = stage.events.follow(id, (event) => {
    const { lastSequence } = view;
    view = seen(view, event);
    if (view.lastSequence > lastSequence) screen.step(event, moment());
    if (hasEnded(view)) ended.abort();
  });
  const refresh = setInterval(() => {
    screen.refresh(moment());
  }, REFRESH_MS);
  try {
    await api.post(`upgrades/${id}/start`);
    await untilEnded(ended.signal, stage.interrupted, script);
  } finally {
    clearInterval(refresh);
    unfollow();
    screen.settle(moment());
  }
  const after = load.read();
  return {
    view,
    expectedStatus: script.expectedStatus,
    durationMs: performance.now() - beganMs,
    served: after.served - before.served,
    dropped: after.dropped - before.dropped,
  };
}

async function untilEnded(
  ended: AbortSignal,
  interrupted: AbortSignal,
  { from, to }: Script,
): Promise<void> {
  const limit = AbortSignal.timeout(END_LIMIT_MS);
  const any = AbortSignal.any([ended, interrupted, limit]);
  if (!any.aborted) await once(any, 'abort');
  if (ended.aborted) return;
  if (interrupted.aborted) throw new Error('interrupted');
  const limitSeconds = String(END_LIMIT_MS / 1_000);
  throw new Error(`the upgrade ${from} → ${to} came to no end within ${limitSeconds} s`);
}
