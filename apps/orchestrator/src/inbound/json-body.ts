/** Bodies as they come from anybody: read with bounds, before anything believes their shape. */
import { REQUEST_LIMITS } from '#core/limits.js';
import { invalidRequest, Refusal } from '../refusal.js';

/** Names through which a careless assignment reaches what every object inherits. */
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/** NUL, and halves of characters: no text in Postgres holds them. */
const UNSTORABLE = /[\0\p{Cs}]/u;

export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/**
 * Reads a JSON body; undefined when there is none. Throws a Refusal 400 for what is not JSON, nests
 * deeper than REQUEST_LIMITS.bodyDepthMax, names a field like a prototype, or holds text or a number
 * that cannot be stored. Walks without recursion: depth is what it guards against.
 */
export function parseJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal('BROKEN_JSON', 400, 'The body is not valid JSON', {
      errors: [{ field: 'body', expected: 'valid JSON' }],
    });
  }
  const stack: { value: unknown; path: string; depth: number }[] = [
    { value: body, path: '', depth: 1 },
  ];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (typeof at.value === 'string' && !isStorable(at.value)) {
      throw invalidRequest([{ field: at.path === '' ? 'body' : at.path, expected: 'whole text' }]);
    }
    // 1e999 is Infinity by now: no number, and null once it is stored.
    if (typeof at.value === 'number' && !Number.isFinite(at.value)) {
      const field = at.path === '' ? 'body' : at.path;
      throw invalidRequest([{ field, expected: 'a number that can be held' }]);
    }
    if (typeof at.value !== 'object' || at.value === null) continue;
    if (at.depth > REQUEST_LIMITS.bodyDepthMax) {
      const expected = `at most ${String(REQUEST_LIMITS.bodyDepthMax)} levels of nesting`;
      throw invalidRequest([{ field: 'body', expected }]);
    }
    for (const [name, value] of Object.entries(at.value)) {
      const path = at.path === '' ? name : `${at.path}.${name}`;
      if (FORBIDDEN_NAMES.has(name) || !isStorable(name)) {
        throw invalidRequest([{ field: path, expected: 'another name' }]);
      }
      stack.push({ value, path, depth: at.depth + 1 });
    }
  }
  return body;
}
