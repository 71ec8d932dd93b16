import { TransientDatabaseError, UniqueViolationError } from './service-database.js';

const UNIQUE_VIOLATION = '23505';

/**
 * SQLSTATEs after which the same transaction may well succeed. A prefix of two is a whole class:
 * 08 connection, 53 out of connections, memory or disk, 57P the server goes or comes.
 */
const TRANSIENT_STATES = [
  '08',
  '53',
  '57P',
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock_timeout
  '57014', // statement_timeout, or cancelled by an operator
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
];

/** What pg says, without a code, when a connection is gone or does not answer. */
const LOST_CONNECTION =
  /connection terminated|connection error|not queryable|timeout|terminated unexpectedly/i;

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // the socket file of a server that is down
]);

/** Errors of the driver in the words of the port; every other error unchanged. */
export function translated(error: unknown): unknown {
  if (!isError(error)) return error;
  if (stateOf(error) === UNIQUE_VIOLATION) {
    const { table, constraint } = error as { table?: string; constraint?: string };
    return new UniqueViolationError(table ?? '', constraint ?? '', { cause: error });
  }
  if (isTransient(error)) return new TransientDatabaseError(error.message, { cause: error });
  return error;
}

/**
 * The same for what commits: COMMIT, or a statement on its own. Unless the server itself refused,
 * nobody knows what became of it.
 */
export function translatedCommit(error: unknown): unknown {
  const said = translated(error);
  if (!(said instanceof TransientDatabaseError) || stateOf(error).startsWith('40')) return said;
  return new TransientDatabaseError(said.message, { cause: error, outcome: 'unknown' });
}

/**
 * The same for a statement behind which its transaction's COMMIT is on its way already. When the
 * server refused the statement, nothing is committed; when the line was lost, that COMMIT may have
 * arrived all the same.
 */
export function translatedBeforeCommit(error: unknown): unknown {
  return isSqlState(stateOf(error)) ? translated(error) : translatedCommit(error);
}

function isTransient(error: Error): boolean {
  const code = stateOf(error);
  if (isSqlState(code)) return TRANSIENT_STATES.some((state) => code.startsWith(state));
  if (SOCKET_CODES.has(code)) return true;
  // Several addresses tried (::1, then 127.0.0.1): the reasons are inside.
  if (error instanceof AggregateError) {
    return error.errors.some((one) => isError(one) && isTransient(one));
  }
  return code === '' && LOST_CONNECTION.test(error.message);
}

// EPIPE has five letters too.
function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !SOCKET_CODES.has(code);
}

// Not by instanceof: the errors of sockets may come from another realm than this module.
function isError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'stack' in error;
}

function stateOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
