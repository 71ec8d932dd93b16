import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isRefusedAddress, isRefusedHost } from './egress-address.js';

/** How much of one other side a client bears. */
export interface EgressBounds {
  /** Connections of this process to one origin; more calls wait within their own time limits. */
  readonly connectionsPerOrigin: number;
  readonly connectTimeoutMs: number;
  /** Of one answer; left out: nobody reads the body. */
  readonly answerMaxBytes?: number;
}

/** Says which addresses a name has; the system's own, except in tests. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Code of the error with which a connection is refused; nothing was sent. */
export const REFUSED_ADDRESS = 'EREFUSEDADDRESS';

/**
 * The connections of everything here that calls an address somebody else has named: agents, smoke
 * tests, Prometheus. Each connection is judged as it is made, whether the URL holds an address or a
 * name, because what a name leads to may change after it was checked. No redirect is followed, no
 * body unpacked.
 *
 * @param allowLinkLocal an operator's word (`EGRESS_LINK_LOCAL`), never a tenant's
 */
export function openEgress(
  bounds: EgressBounds,
  allowLinkLocal: boolean,
  resolve: Resolve = lookup,
): Agent {
  const { connectionsPerOrigin, connectTimeoutMs, answerMaxBytes } = bounds;
  const timeout = connectTimeoutMs;
  const connectAllowed = buildConnector(
    allowLinkLocal ? { timeout } : { timeout, lookup: refusing(resolve) },
  );
  const connect: buildConnector.connector = (options, callback) => {
    if (!allowLinkLocal && isRefusedHost(options.hostname)) {
      callback(refusalOf(options.hostname), null);
    } else {
      connectAllowed(options, callback);
    }
  };
  return new Agent({
    connections: connectionsPerOrigin,
    pipelining: 1,
    ...(answerMaxBytes === undefined ? {} : { maxResponseSize: answerMaxBytes }),
    connect,
  });
}

/** Leaves out of what a name leads to whatever is not called. */
function refusing(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const allowed = error === null ? addresses.filter(isAllowed) : [];
      const [first] = allowed;
      if (first === undefined) callback(error ?? refusalOf(hostname), '', 0);
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function isAllowed({ address }: LookupAddress): boolean {
  return !isRefusedAddress(address);
}

function refusalOf(host: string): Error {
  const refusal = new Error(`${host} leads to an address that is not called`);
  return Object.assign(refusal, { code: REFUSED_ADDRESS });
}
