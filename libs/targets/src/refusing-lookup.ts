import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isRefusedAddress } from './agent-address.js';

/** Judges what a name leads to at the moment of connecting: before, it could still change. */
export const refusingLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, '', 0);
      return;
    }
    const allowed = addresses.filter(({ address }) => !isRefusedAddress(address));
    const [first] = allowed;
    if (first === undefined) {
      const refusal = new Error(`${hostname} leads to an address that is not called`);
      callback(Object.assign(refusal, { code: 'EREFUSEDADDRESS' }), '', 0);
    } else if (options.all === true) {
      callback(null, allowed);
    } else {
      callback(null, first.address, first.family);
    }
  });
};
