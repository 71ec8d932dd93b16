/** Pages by cursor: opaque to whoever pages, a position in the order of the list to us. */
import { z } from 'zod';
import { REQUEST_LIMITS } from '#core/limits.js';
import { invalidRequest } from '../refusal.js';

const CURSOR_EXAMPLE = 'WzE3NzIzNTU2MDAwMDBd';

const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(REQUEST_LIMITS.pageMax)
  .default(REQUEST_LIMITS.pageDefault)
  .meta({ description: 'How many items the page may have', examples: [20] });
const cursor = z
  .string()
  .max(REQUEST_LIMITS.cursorMaxChars)
  .optional()
  .meta({ description: '`nextCursor` of the page before', examples: [CURSOR_EXAMPLE] });

/** What every list takes in its query. */
export const pageFields = { limit, cursor };

/** One or several of a status, repeated or separated by commas. */
export function statusFilter<const Status extends string>(
  statuses: readonly [Status, ...Status[]],
) {
  return z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z
        .array(z.enum(statuses))
        .min(1)
        .max(statuses.length)
        .meta({ examples: [[statuses[0]]] }),
    )
    .optional()
    .meta({ description: 'Only these, repeated or separated by commas' });
}

export function pageOf<Item extends z.ZodType>(item: Item, id: string) {
  const items = item.meta()?.examples ?? [];
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() }).meta({
    id,
    description: '`nextCursor` is null on the last page',
    examples: [{ items, nextCursor: CURSOR_EXAMPLE }],
  });
}

/** The last that times and positions in the database reach to: a cursor may be forged. */
const TIME_MAX_MS = Date.UTC(9999, 0);
const POSITION_MAX = 2_147_483_647;
const NewestKey = z.tuple([z.int().min(0).max(TIME_MAX_MS), z.uuid()]);
const Position = z.tuple([z.int().min(0).max(POSITION_MAX)]);

/** Where a list of the newest first goes on; null: from its beginning. */
export function newestAfter(text: string | undefined): { createdAtMs: number; id: string } | null {
  if (text === undefined) return null;
  const [createdAtMs, id] = decoded(text, NewestKey);
  return { createdAtMs, id };
}

/** Where a list by position goes on; `first` when it begins. */
export function positionAfter(text: string | undefined, first: number): number {
  return text === undefined ? first : decoded(text, Position)[0];
}

/** Shows `limit` of one more that were read, and where to go on when there are more. */
export function shownPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  keyOf: (row: Row) => readonly (string | number)[],
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return { items: shown.map(itemOf), nextCursor: isMore ? encoded(keyOf(last)) : null };
}

function encoded(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function decoded<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    const result = schema.safeParse(key);
    if (result.success) return result.data;
  } catch {
    // Not JSON: no cursor of ours either.
  }
  throw invalidRequest([{ field: 'cursor', expected: 'nextCursor of the page before' }]);
}
