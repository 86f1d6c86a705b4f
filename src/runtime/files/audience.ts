import { BlockList, isIP } from 'node:net';

import type { Addresses } from '../../config/index.js';

/**
 * Who uses a link: any client, the local agent, or another agent, by the address at which it has reached this runtime. The
 * address of clients may not exist where an agent is, as in a cluster.
 */
export type Audience = 'public' | 'loopback' | `http${string}`;

/** The address of this runtime in links, without a trailing slash. */
export const addressFor = (audience: Audience, addresses: Addresses): string =>
  audience === 'public' || audience === 'loopback' ? addresses[audience] : audience;

/** @param dialled what the agent says that it has dialled; an agent of an earlier version says nothing. */
export function audienceOf(dialled: string | undefined, addresses: Addresses): Audience {
  const url = dialled === undefined ? null : URL.parse(dialled);
  if (!url || !/^https?:$/.test(url.protocol)) return 'public';
  const address = addressOf(url);
  return address === addressOf(new URL(addresses.public)) ? 'public' : (address as Audience);
}

/** As a URL writes it: with a host in small letters, and without a default port. */
const addressOf = ({ origin, pathname }: URL): string => `${origin}${pathname.replace(/\/+$/, '')}`;

const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6');
/** Names of Kubernetes Services, and those that RFC 6762 and ICANN keep for private networks. */
const PRIVATE_NAME = /^[^.]+$|\.svc(?:\.[^.]+)*$|\.(?:local|internal)$/;

/**
 * Whether a user of links is in the network of the runtime, so that it reaches the object store by its internal endpoint: it
 * has dialled an address that only exists there.
 */
export function isInside(audience: Audience): boolean {
  if (audience === 'public') return false;
  if (audience === 'loopback') return true;
  const host = new URL(audience).hostname.replace(/^\[|\]$/g, '');
  const family = isIP(host);
  return family === 0 ? PRIVATE_NAME.test(host) : PRIVATE.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
