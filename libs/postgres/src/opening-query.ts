import pg from 'pg';

/** What `pg` has and its types leave out: the messages of the extended protocol, one by one. */
interface Wire {
  bind(message: { portal: string; statement: string; values: unknown[] }): void;
  execute(message: { portal: string; rows: number }): void;
}

interface QueryInside {
  prepare(connection: Wire): void;
  handleCommandComplete(message: unknown, connection: Wire): void;
}

const Inside = pg.Query as unknown as new (config: pg.QueryConfig) => QueryInside;

const BEGIN = { name: 'plumbing.begin', text: 'BEGIN' };
const prepared = new WeakSet<pg.ClientBase>();

/**
 * Once for each connection, before its first `openingQuery`: prepares BEGIN on the server. Not on
 * the way in the opening query, because pg would count that answer for the statement behind it.
 */
export async function prepareOpening(client: pg.ClientBase): Promise<void> {
  if (prepared.has(client)) return;
  await client.query(BEGIN);
  await client.query('ROLLBACK');
  prepared.add(client);
}

/**
 * The first statement of a transaction together with its BEGIN: one round trip less per commit.
 *
 * Both stand before the same Sync, so the server skips the statement when BEGIN fails. Two queries
 * sent one behind the other would not do: the second would then commit on its own.
 */
class Opening extends Inside {
  private begun = false;

  override prepare(connection: Wire): void {
    connection.bind({ portal: '', statement: BEGIN.name, values: [] });
    connection.execute({ portal: '', rows: 0 });
    super.prepare(connection);
  }

  override handleCommandComplete(message: unknown, connection: Wire): void {
    if (this.begun) super.handleCommandComplete(message, connection);
    else this.begun = true;
  }
}

/** A query for `client.query(query, callback)` that begins the transaction on its way. */
export function openingQuery(config: pg.QueryConfig): pg.Query {
  // Without values and name it would take the simple protocol, which has no place for BEGIN.
  return new Opening({ ...config, queryMode: 'extended' } as pg.QueryConfig) as unknown as pg.Query;
}
