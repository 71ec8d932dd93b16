import { describe, expect, it } from '@jest/globals';
import { isRefusedAddress, isRefusedHost } from './egress-address.js';

describe('an address', () => {
  it.each([
    ...['169.254.169.254', '169.254.0.1', '169.254.170.2', '100.100.100.200', '168.63.129.16'],
    ...['0.0.0.0', '0.0.0.1', '255.255.255.255', '224.0.0.1'],
    ...['::', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'ff02::1'],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
    ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::ffff:100.100.100.200', '::ffff:0.0.0.0'],
    ...['64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::', '2002:6464:64c8::1'],
    ...['::ffff:0:169.254.169.254', '::169.254.169.254'],
    'not an address',
  ])('%s is refused', (address) => {
    expect(isRefusedAddress(address)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '10.1.2.3', '192.168.0.10', '172.16.0.1', '8.8.8.8', '169.253.255.255'],
    ...['::1', 'fd12::1', '::ffff:127.0.0.1', '64:ff9b::808:808', '2001:db8::1'],
  ])('%s is not', (address) => {
    expect(isRefusedAddress(address)).toBe(false);
  });
});

describe('a host', () => {
  it.each(['metadata.google.internal', 'METADATA.google.internal.', 'instance-data', '[fe80::1]'])(
    '%s is refused before it is looked up',
    (host) => {
      expect(isRefusedHost(host)).toBe(true);
    },
  );

  it.each(['localhost', 'agent.internal', '127.0.0.1', '[::1]'])('%s is not', (host) => {
    expect(isRefusedHost(host)).toBe(false);
  });
});
