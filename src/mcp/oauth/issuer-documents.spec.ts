import { expect, it, onTestFinished, vi } from 'vitest';

import { AuthorizationServer } from '../../../test/support/authorization-server.js';
import { ConnectProxy } from '../../../test/support/connect-proxy.js';
import { metadataUrls, readDocument } from './issuer-documents.js';

it('the metadata of an issuer with a path is looked for at three places, in the order of MCP', () => {
  expect(metadataUrls('https://auth.example.com/tenant1')).toEqual([
    'https://auth.example.com/.well-known/oauth-authorization-server/tenant1',
    'https://auth.example.com/.well-known/openid-configuration/tenant1',
    'https://auth.example.com/tenant1/.well-known/openid-configuration',
  ]);
});

it('documents are read through the proxy of the environment, and those of this machine without it', async () => {
  await using issuer = await AuthorizationServer.start();
  const { port } = new URL(issuer.issuer);
  await using proxy = await ConnectProxy.start(new Map([['id.test', Number(port)]]), 'pw');
  vi.stubEnv('http_proxy', `http://me:pw@127.0.0.1:${proxy.port}`);
  vi.stubEnv('no_proxy', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  const keys = { keys: [issuer.publicKey] };
  expect(await readDocument('http://id.test/keys')).toEqual(keys);
  expect(proxy.asked).toEqual(['GET http://id.test/keys']);
  expect(await readDocument(`${issuer.issuer}/keys`)).toEqual(keys);
  expect(proxy.asked).toHaveLength(1);
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
