import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ROWS, GUARDS } from '#core/execution/execution-transitions.js';
import { exampleUrl, MESSAGE_TYPES } from './events-doc.js';
import { generatedDocs } from './generated-docs.js';

describe('pages made from code', () => {
  it('say what the code says; else: npm run docs', async () => {
    for (const { url, text, path } of await generatedDocs()) {
      expect({ path, text: readFileSync(url, 'utf8') }).toEqual({ path, text });
    }
  });

  it('name every row and every guard', async () => {
    const [doc] = await generatedDocs();
    for (const { name } of [...ROWS, ...GUARDS]) expect(doc?.text).toContain(`\`${name}\``);
  });
});

describe('examples of messages', () => {
  it.each(MESSAGE_TYPES.map((message) => [message.type, message] as const))(
    '%s parses for ever',
    (_, message) => {
      const example: unknown = JSON.parse(readFileSync(exampleUrl(message), 'utf8'));
      expect(message.schema.parse(example)).toEqual(example);
    },
  );

  const folder = new URL('.', exampleUrl(MESSAGE_TYPES[0] as (typeof MESSAGE_TYPES)[number]));
  const fileOf = (message: (typeof MESSAGE_TYPES)[number]) =>
    exampleUrl(message).pathname.split('/').at(-1) ?? '';

  it('there is one for each type and no other', () => {
    const examples = readdirSync(folder).filter((file) => file.endsWith('.json'));
    expect(examples.sort()).toEqual(MESSAGE_TYPES.map(fileOf).sort());
  });

  it.each(readdirSync(new URL('earlier/', folder)))('as %s was once, it is still read', (file) => {
    const message = MESSAGE_TYPES.find((one) => fileOf(one) === file);
    const example: unknown = JSON.parse(readFileSync(new URL(`earlier/${file}`, folder), 'utf8'));
    expect(message?.schema.safeParse(example).error).toBeUndefined();
    expect(message).toBeDefined();
  });
});
