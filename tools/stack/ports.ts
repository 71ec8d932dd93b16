import { connect, createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/**
 * Below the range from which the system takes the ports of outgoing connections: a client that
 * keeps dialling a stopped server's port could otherwise be given that very port and talk to itself.
 */
const FIRST_FREE_PORT = 20_000;
const LAST_FREE_PORT = 29_999;

/** Whether a server could listen on this port of the loopback address right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => {
      done(false);
    });
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      server.close(() => {
        done(true);
      });
    });
  });
}

/** The preferred port when it is free, otherwise any that is; never one of those excluded. */
export async function choosePort(
  preferred?: number,
  excluded: readonly number[] = [],
): Promise<number> {
  if (preferred !== undefined && !excluded.includes(preferred) && (await isFree(preferred))) {
    return preferred;
  }
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const range = LAST_FREE_PORT - FIRST_FREE_PORT + 1;
    const port = FIRST_FREE_PORT + Math.floor(Math.random() * range);
    if (!excluded.includes(port) && (await isFree(port))) return port;
  }
  throw new Error(
    `no free port between ${String(FIRST_FREE_PORT)} and ${String(LAST_FREE_PORT)} on ${LOOPBACK}`,
  );
}

/** Whether something accepts connections there. */
export function answers(port: number, host: string = LOOPBACK): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host });
    const finish = (open: boolean): void => {
      socket.destroy();
      done(open);
    };
    socket.setTimeout(1_000, () => {
      finish(false);
    });
    socket.once('connect', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
  });
}
