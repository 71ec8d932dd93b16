import { expect, it } from '@jest/globals';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { incomingOf } from './kafka-message.js';

it('is read whatever its headers are: one without a value, one that came twice', () => {
  const headers = {
    none: null,
    one: Buffer.from('a'),
    twice: ['a', Buffer.from('b')],
    last: ['a', null],
  } as unknown as IHeaders;
  const message = { offset: '1', key: null, value: null, headers } as unknown as KafkaMessage;
  expect(incomingOf('topic', 2, message)).toEqual({
    ...{ topic: 'topic', partition: 2, offset: '1', key: null, value: null },
    headers: { none: '', one: 'a', twice: 'b', last: '' },
  });
});
