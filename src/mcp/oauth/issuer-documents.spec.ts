import { expect, it } from 'vitest';

import { metadataUrls } from './issuer-documents.js';

it('the metadata of an issuer with a path is looked for at three places, in the order of MCP', () => {
  expect(metadataUrls('https://auth.example.com/tenant1')).toEqual([
    'https://auth.example.com/.well-known/oauth-authorization-server/tenant1',
    'https://auth.example.com/.well-known/openid-configuration/tenant1',
    'https://auth.example.com/tenant1/.well-known/openid-configuration',
  ]);
});

it.each(['https://auth.example.com', 'https://auth.example.com/'])(
  'the metadata of the issuer %s is looked for at two places',
  (issuer) => {
    expect(metadataUrls(issuer)).toEqual([
      'https://auth.example.com/.well-known/oauth-authorization-server',
      'https://auth.example.com/.well-known/openid-configuration',
    ]);
  },
);
