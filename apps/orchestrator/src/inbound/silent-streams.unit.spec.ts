import { expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import type { HttpReply } from './http-reply.js';
import { UpgradeEventsController } from './upgrade-events.controller.js';

const { streamKeepAliveMs, streamPollMs, pageMax } = REQUEST_LIMITS;
const CALLER = { actor: 'ann', tenantId: null, ifMatchRevision: null };
const HEADERS = { accept: 'text/event-stream' };

/** A stream whose time stands still; what it says, and how often it has looked for events. */
async function aStream(standing = 0) {
  const clock = new SteppedClock();
  const raw = new EventEmitter();
  const said: string[] = [];
  let last = standing;
  let looks = 0;
  const events: UpgradeReadsRunner['events'] = (_, __, { afterSequence, limit }) => {
    looks += 1;
    const count = Math.min(limit, last - afterSequence);
    const found = Array.from({ length: count }, (_, at) => {
      return { data: { sequence: afterSequence + 1 + at } } as ProgressEvent;
    });
    return Promise.resolve({ events: found, mayFollow: true });
  };
  const reply: Record<string, unknown> = { raw };
  for (const name of ['type', 'headers']) reply[name] = () => reply;
  reply['send'] = (stream: Readable) => stream.on('data', (text: string) => said.push(text));
  const controller = new UpgradeEventsController({ events } as UpgradeReadsRunner, clock);
  const query = { limit: 1, cursor: undefined };
  const asked = reply as unknown as HttpReply;
  await controller.listUpgradeEvents('u-1', query, CALLER, HEADERS, asked);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= streamPollMs) {
      await new Promise(setImmediate);
      await clock.advance(Math.min(left, streamPollMs));
    }
    await new Promise(setImmediate);
  };
  await pass(streamPollMs);
  return {
    ...{ said, pass, looks: () => looks },
    happen: () => (last += 1),
    leave: () => raw.emit('close'),
  };
}

const signs = (said: readonly string[]): number =>
  said.filter((text) => text === ': still here\n\n').length;

it('a stream with nothing to tell says now and then that it is there', async () => {
  const { said, pass, happen } = await aStream();
  await pass(streamKeepAliveMs - 2 * streamPollMs);
  expect(signs(said)).toBe(0);
  await pass(2 * streamPollMs);
  expect(signs(said)).toBe(1);
  await pass(streamKeepAliveMs / 2);
  happen();
  await pass(streamKeepAliveMs - 2 * streamPollMs);
  expect(signs(said)).toBe(1);
  await pass(3 * streamPollMs);
  expect(signs(said)).toBe(2);
});

it('a stream that was left looks for nothing more', async () => {
  const { looks, pass, leave } = await aStream();
  leave();
  await pass(2 * streamPollMs);
  const before = looks();
  await pass(8 * streamPollMs);
  expect(looks()).toBe(before);
});

it('a stream that is behind reads page after page without a pause', async () => {
  const { said } = await aStream(3 * pageMax + 1);
  expect(said.filter((text) => text.startsWith('id: '))).toHaveLength(3 * pageMax + 1);
});
