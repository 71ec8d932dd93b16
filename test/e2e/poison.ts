/** Messages that nobody can handle, of every kind, for any topic that a service consumes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { TOPICS } from '#contracts/topics.js';

/** As it is written to a topic: more than our own producer would send. */
export interface Raw {
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

/** Becomes a dead letter for such a reason; null: that, or nothing at all. */
export interface Poison extends Raw {
  readonly reason: RegExp | null;
}

/** Topics that a service consumes, each with an example of what belongs there. */
const EXAMPLES: Readonly<Record<string, string>> = {
  [TOPICS.validatorCommands]: 'validation.requested.v1',
  [TOPICS.canaryCommands]: 'canary.requested.v1',
  [TOPICS.rollbackCommands]: 'rollback.requested.v1',
  [TOPICS.validatorResults]: 'validation.reported.v1',
  [TOPICS.canaryResults]: 'canary.reported.v1',
  [TOPICS.rollbackResults]: 'rollback.reported.v1',
};
export const CONSUMED = Object.keys(EXAMPLES);

const FOLDER = join(import.meta.dirname, '../../libs/contracts/src/examples');
const DEPTH = 100_000;
export const HUGE_BYTES = 10_000_000;

interface Example {
  id: string;
  type: string;
  data: Record<string, unknown> & { executionId: string };
}

/**
 * Each kind once, by its name. `running` is an execution under way of somebody else: what is said
 * of it here came from none of its helpers.
 */
export function poisonFor(topic: string, running: string): Readonly<Record<string, Poison>> {
  const name = EXAMPLES[topic] ?? '';
  const text = readFileSync(join(FOLDER, `${name}.json`), 'utf8');
  const isResult = name.includes('reported');
  const key = 'poison';
  const dead = (value: Raw['value'], reason: RegExp): Poison => ({ key, value, reason });
  const changed = (change: (example: Example) => void): string => {
    const example = JSON.parse(text) as Example;
    // Of nobody: no row of any test stands behind it.
    example.data.executionId = randomUUID();
    example.id = `poison/${randomUUID()}`;
    change(example);
    return JSON.stringify(example);
  };
  const data = (more: object): string => changed((example) => Object.assign(example.data, more));
  const inside = (json: string): string => changed(() => undefined).replace('"data":{', () => json);
  return {
    'no JSON': dead('not JSON', /SyntaxError/),
    'a cut message': dead(text.slice(0, 200), /SyntaxError/),
    'an empty value': dead('', /SyntaxError/),
    'no value': dead(null, /without a value|expected object/),
    'JSON of another shape': dead('[]', /expected object/),
    'a missing field': dead(data({ executionId: undefined }), /executionId/),
    'a wrong type': dead(data({ executionId: 7 }), /executionId/),
    'an unknown type': dead(
      changed((example) => (example.type = 'somebody.else.did.v1')),
      /"type"/,
    ),
    'an unknown version': dead(
      changed((example) => (example.type = example.type.replace(/v1$/, 'v9'))),
      /"type"/,
    ),
    'an unknown field': dead(data({ more: 1 }), /more/),
    'a huge text': dead(data({ commandId: 'x'.repeat(900_000), executionId: 7 }), /executionId/),
    'deep nesting': dead(`${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`, /expected object/),
    'deep nesting in a field': dead(
      inside(`"data":{"more":${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)},`),
      /more/,
    ),
    'a prototype': dead(inside('"data":{"__proto__":{"polluted":true},'), /__proto__/),
    'a constructor': dead(
      inside('"data":{"constructor":{"prototype":{"polluted":true}},'),
      /constructor/,
    ),
    'no UTF-8': dead(Buffer.from('{"id":"\xff\xfe', 'latin1'), /SyntaxError/),
    NaN: dead(inside('"data":{"more":NaN,'), /SyntaxError/),
    'a number without end': dead(inside('"data":{"more":1e999,'), /more/),
    // Of two the last counts.
    'a field twice': dead(
      changed(() => undefined).replace(/\}\}$/, ',"executionId":7}}'),
      /executionId/,
    ),
    NUL: dead('\0', /SyntaxError/),
    'a key with NUL': { ...dead('not JSON', /SyntaxError/), key: 'poi\0son' },
    'a key of no UTF-8': { ...dead('not JSON', /SyntaxError/), key: Buffer.from([0xff, 0, 0xfe]) },
    'no key': { ...dead('not JSON', /SyntaxError/), key: null },
    'a huge key': { ...dead('not JSON', /SyntaxError/), key: 'k'.repeat(500_000) },
    'alien headers': {
      ...dead('not JSON', /SyntaxError/),
      headers: { ['__proto__']: 'x', '\0': Buffer.from([0xff, 0]), long: 'x'.repeat(100_000) },
    },
    'an id with NUL': dead(
      changed((example) => (example.id = 'poi\0son')),
      /invalid byte sequence/,
    ),
    'more than a topic takes': dead(data({ more: 'x'.repeat(HUGE_BYTES) }), /more/),
    ...(isResult
      ? {
          'of no execution': dead(data({}), /there is no execution/),
          'of an upgrade that asked nothing': {
            ...dead(data({ executionId: running, handOver: 99 }), /./),
            reason: null,
          },
        }
      : { 'of a page that cannot be': dead(data({ page: 5, pages: 2 }), /page 5 of 2/) }),
  };
}
