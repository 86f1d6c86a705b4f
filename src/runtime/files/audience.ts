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
  const address = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  return address === addresses.public ? 'public' : (address as Audience);
}
