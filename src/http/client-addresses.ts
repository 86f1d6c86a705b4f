import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

const FAMILIES = { 0: undefined, 4: 'ipv4', 6: 'ipv6' } as const;
type Family = 'ipv4' | 'ipv6';

const familyOf = (address: string): Family | undefined => FAMILIES[isIP(address) as keyof typeof FAMILIES];

/** In brackets, with a port, or bare; perhaps in quotes. */
const FORMS = /^"?(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+|([^"]*))"?$/;
const ZONE = /%.*$/;
/** As a socket for both families has an IPv4 address. */
const MAPPED = /^::ffff:(?=[\d.]+$)/i;

/** Proxies between a client and this server, at most; a header that names more costs no more than these. */
const MOST_HOPS = 20;

/** Finds the address of a client, behind the proxies that the operator trusts. */
export class ClientAddresses {
  private readonly proxies = new BlockList();
  private readonly hasProxies: boolean;

  /** @param trusted addresses and networks of proxies. */
  constructor(trusted: readonly string[]) {
    this.hasProxies = trusted.length > 0;
    for (const network of trusted) {
      const [address = '', prefix] = network.split('/');
      const family = familyOf(address);
      if (prefix === undefined) this.proxies.addAddress(address, family);
      else this.proxies.addSubnet(address, Number(prefix), family);
    }
  }

  /**
   * The IPv4 address of the client, or its IPv6 network of 64 bits, since a client with one IPv6 address usually has all
   * of the network. `undefined` for a trusted proxy itself, and where the address is not known.
   */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string | undefined {
    const peer = plainAddress(socket.remoteAddress ?? '');
    if (!this.hasProxies || !this.isProxy(peer)) return networkOf(peer);
    const client = this.lastUntrusted(String(headers['x-forwarded-for'] ?? ''));
    return client === undefined ? undefined : networkOf(client);
  }

  /** Whether a trusted address makes the request for itself: a proxy would name its client. */
  isTrustedCaller({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): boolean {
    return headers['x-forwarded-for'] === undefined && this.isProxy(plainAddress(socket.remoteAddress ?? ''));
  }

  /** Each proxy adds its client at the end, so what stands before an address that is not trusted may be invented. */
  private lastUntrusted(forwarded: string): string | undefined {
    let end = forwarded.length;
    for (let hop = 0; hop < MOST_HOPS && end >= 0; hop += 1) {
      // lastIndexOf takes a negative position as 0.
      const comma = end === 0 ? -1 : forwarded.lastIndexOf(',', end - 1);
      const address = plainAddress(forwarded.slice(comma + 1, end));
      if (!this.isProxy(address)) return address;
      end = comma;
    }
    return undefined;
  }

  private isProxy(address: string): boolean {
    const family = familyOf(address);
    return family !== undefined && this.proxies.check(address, family);
  }
}

/** An address without what surrounds it; empty for any other text. */
function plainAddress(text: string): string {
  const [, bracketed, withPort, bare] = FORMS.exec(text.trim()) ?? [];
  const address = (bracketed ?? withPort ?? bare ?? '').replace(ZONE, '').replace(MAPPED, '');
  return isIP(address) === 0 ? '' : address;
}

const GROUPS = 8;
const NETWORK_GROUPS = 4;

function networkOf(address: string): string | undefined {
  if (familyOf(address) !== 'ipv6') return address === '' ? undefined : address;
  const [before = [], after] = address
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = after ? GROUPS - before.length - after.length : 0;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...(after ?? [])];
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
