import { expect, it } from '@jest/globals';
import { INBOX_KEPT_MS, TOPIC_SPECS, TOPICS } from './topics.js';

it('no topic keeps a message for longer than the inbox remembers it', () => {
  const consumed = TOPIC_SPECS.filter(({ name }) => !name.endsWith('.dlq'));
  expect(consumed.map(({ name }) => name)).toEqual(Object.values(TOPICS));
  for (const { retentionMs } of consumed) expect(retentionMs).toBeLessThan(INBOX_KEPT_MS);
});
