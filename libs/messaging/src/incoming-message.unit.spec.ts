import { describe, expect, it } from '@jest/globals';
import { inboxKeyOf, type IncomingMessage } from './incoming-message.js';

const message: IncomingMessage = {
  topic: 't',
  partition: 3,
  offset: '42',
  key: 'k',
  headers: {},
  value: null,
};

describe('the inbox key', () => {
  it('is the id of the event, so that an event published twice is seen once', () => {
    expect(inboxKeyOf(message, 'event/1')).toBe('event/1');
  });

  it('is the place of a message that has no id', () => {
    expect(inboxKeyOf(message)).toBe('t/3/42');
  });

  it('is the place of a replayed dead letter: its id may have been seen', () => {
    const replayed = { ...message, headers: { 'replayed-from': 't.dlq/0/7' } };
    expect(inboxKeyOf(replayed, 'event/1')).toBe('t/3/42');
  });
});
