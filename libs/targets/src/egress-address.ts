import { BlockList, isIP, isIPv6 } from 'node:net';

/**
 * Addresses that nothing of ours calls unless the operator allows it (`EGRESS_LINK_LOCAL`): they
 * answer with the machine's own credentials, or with whatever happens to hang on the same wire.
 * Loopback and private networks (10/8, 172.16/12, 192.168/16, fc00::/7) are where fleets, agents
 * and Prometheus live, and are allowed.
 */
const REFUSED_IPV4: readonly (readonly [network: string, bits: number])[] = [
  // "This network": many systems take it for themselves.
  ['0.0.0.0', 8],
  // Link-local, with the metadata service of most clouds (169.254.169.254, 169.254.170.2).
  ['169.254.0.0', 16],
  // Metadata services elsewhere.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
  // Multicast, and broadcast with all that is reserved.
  ['224.0.0.0', 3],
];

const REFUSED_IPV6: readonly (readonly [network: string, bits: number])[] = [
  ['::', 128],
  ['fe80::', 10],
  // The link-local of a cloud: its metadata (fd00:ec2::254), and the credentials of its pods.
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['ff00::', 8],
];

/** Bits of the prefix before an IPv4 address, and the address with that in front. */
const TRANSLATIONS: readonly (readonly [bits: number, of: (ipv4: string) => string])[] = [
  [96, (ipv4) => `64:ff9b::${ipv4}`],
  [96, (ipv4) => `64:ff9b:1::${ipv4}`],
  [96, (ipv4) => `::ffff:0:${ipv4}`],
  [96, (ipv4) => `::${ipv4}`],
  [16, (ipv4) => `2002:${groupsOf(ipv4)}::`],
];

/** Names that lead there wherever they are known. */
const REFUSED_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
]);

const refused = refusedAddresses();

/** Whether nothing may connect there. `address` is an IP, without brackets. */
export function isRefusedAddress(address: string): boolean {
  const bare = address.split('%')[0] ?? address;
  if (isIP(bare) === 0) return true;
  // An IPv4 address inside an IPv6 one (::ffff:a.b.c.d) is held against the IPv4 rules.
  return refused.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/**
 * Whether a host, as a URL or a connection names it, is refused before it is looked up. A name that
 * passes may still lead to a refused address: that is seen when it is connected to. The URL parser
 * has made plain addresses of `0x7f.1` and `2852039166`.
 */
export function isRefusedHost(host: string): boolean {
  const bare = host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (isIP(bare.split('%')[0] ?? bare) !== 0) return isRefusedAddress(bare);
  return REFUSED_NAMES.has(bare);
}

function refusedAddresses(): BlockList {
  const list = new BlockList();
  for (const [network, bits] of REFUSED_IPV6) list.addSubnet(network, bits, 'ipv6');
  for (const [network, bits] of REFUSED_IPV4) {
    list.addSubnet(network, bits, 'ipv4');
    // Once more behind the prefixes that translators give them; ::0.0.0.0/104 would be ::1 too.
    if (network === '0.0.0.0') continue;
    for (const [before, translated] of TRANSLATIONS) {
      list.addSubnet(translated(network), before + bits, 'ipv6');
    }
  }
  return list;
}

/** As two groups of an IPv6 address. */
function groupsOf(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
  return [a * 256 + b, c * 256 + d].map((group) => group.toString(16)).join(':');
}
