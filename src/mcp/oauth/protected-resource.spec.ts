import { expect, it } from 'vitest';

import type { Addresses, OAuthConfig } from '../../config/index.js';
import { ProtectedResource } from './protected-resource.js';

const CONFIG: OAuthConfig = {
  resource: undefined,
  documentation: undefined,
  scopes: {},
  initialScopes: [],
  scopePrefix: '',
  issuers: [],
};

it.each([
  undefined,
  'https://mcp.example.com/',
  'https://mcp.example.com/lab',
  'https://mcp.example.com/lab/mcp/',
])(
  'the metadata of the resource %s is at the address that clients get for it, with and without a slash at its end',
  (resource) => {
    const addresses = { public: 'https://mcp.example.com/prefix' } as Addresses;
    const described = new ProtectedResource(addresses, { ...CONFIG, resource });
    const path = new URL(described.metadataUrl).pathname.replace(/\/$/, '');
    for (const at of [path, `${path}/`]) expect([at, described.isMetadataPath(at)]).toEqual([at, true]);
    expect(described.isMetadataPath(`${path}/other`)).toBe(false);
  },
);
