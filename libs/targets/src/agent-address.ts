import { BlockList, isIP, isIPv6 } from 'node:net';

/**
 * Addresses a tenant's settings must never lead to: they answer with the machine's own credentials,
 * or with whatever happens to hang on the same wire. Loopback and private networks are where agents
 * live, and allowed.
 */
const refused = new BlockList();
// Link-local, with the metadata service of most clouds (169.254.169.254, fd00:ec2::254).
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addSubnet('fe80::', 10, 'ipv6');
refused.addAddress('fd00:ec2::254', 'ipv6');
refused.addAddress('fd20:ce::254', 'ipv6');
// Metadata services elsewhere.
refused.addAddress('100.100.100.200', 'ipv4');
refused.addAddress('192.0.0.192', 'ipv4');
// "This network", multicast and broadcast are no agent either.
refused.addSubnet('0.0.0.0', 8, 'ipv4');
refused.addSubnet('224.0.0.0', 3, 'ipv4');
refused.addAddress('::', 'ipv6');
refused.addSubnet('ff00::', 8, 'ipv6');
// The IPv4 ones once more behind the prefixes that translators give them.
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
refused.addSubnet('2002:a9fe::', 32, 'ipv6');

/** Whether a driver must not connect there. `address` is an IP, without brackets. */
export function isRefusedAddress(address: string): boolean {
  const bare = address.split('%')[0] ?? address;
  if (isIP(bare) === 0) return true;
  return refused.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/** The IP a URL names directly, or null when it names a host. The URL parser normalises `0x7f.1`. */
export function literalAddressOf(url: URL): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? null : host;
}
