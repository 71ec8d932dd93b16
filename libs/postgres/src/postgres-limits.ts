/** Every bound of the database plumbing, with its unit in its name and its reason beside it. */

/** Connections of one replica. Commits are shared, so a few carry a thousand a second. */
export const POOL_SIZE = 10;

/** To get a connection, from the pool or a new one: then the caller answers 503. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** The longest statement of the plumbing moves a few thousand rows. */
export const STATEMENT_TIMEOUT_MS = 5_000;

/** Row locks are held for milliseconds; whoever waits longer stands behind something broken. */
export const LOCK_TIMEOUT_MS = 2_000;

/**
 * A frozen owner keeps its locks only this long. Must be below `LEASE_MS`: its lease cannot be
 * taken over while a transaction of its lives.
 */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 1_000;

/** No transaction lives longer, whatever it does: it would hold back vacuum and takeovers. */
export const TRANSACTION_TIMEOUT_MS = 10_000;

/** The server stopped answering altogether; above `STATEMENT_TIMEOUT_MS`, which is its own limit. */
export const ANSWER_TIMEOUT_MS = 7_000;

/** How often the server looks, during a long statement, whether its client is still there. */
export const CLIENT_CHECK_INTERVAL_MS = 1_000;

/** Silence on a connection after which TCP asks whether the other side still exists. */
export const KEEPALIVE_IDLE_MS = 5_000;

/** `isReachable` answers within this. */
export const REACHABLE_TIMEOUT_MS = 1_000;

/** Pauses between attempts to bring the listening connection back: doubled from first to last. */
export const LISTEN_RETRY_FIRST_MS = 100;
export const LISTEN_RETRY_LAST_MS = 2_000;

/** Postgres takes at most 7,999 bytes in one notification. */
export const NOTIFICATION_BYTES_MAX = 7_900;

/** A migration may rewrite a table, and a replica waits for the one that migrates. */
export const MIGRATION_TIMEOUT_MS = 600_000;

/** A lease runs out this long after its last renewal, on the database's clock. */
export const LEASE_MS = 1_500;

/** How often whoever drives `renew` calls it. */
export const LEASE_RENEW_MS = 500;

/**
 * A holder stops believing in its lease this long before the database would give it away: for the
 * two clocks' different speeds, and for the step it may just have begun.
 */
export const LEASE_MARGIN_MS = 250;

/**
 * A first answer to what time it is proves it to within half of this; who has none asks again. As
 * far as two replicas may be apart by it, a lease's margin is.
 */
export const CLOCK_FIRST_ANSWER_MAX_MS = 500;

/** A clock that is ahead of the database's goes at this share of its speed until they are even. */
export const CLOCK_SLOWED_SHARE = 0.5;

/** Rows of replicas that are gone are kept this long after they ran out, for whoever looks. */
export const REPLICA_ROW_KEPT_MS = 60_000;
