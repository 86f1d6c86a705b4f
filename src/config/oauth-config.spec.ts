import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';

import { SettingError } from './config.js';
import { loadOAuthFileReader, type OAuthConfig } from './oauth-config.js';

const KEY = 'sk-team-0123456789abcdefghij';
const ENVIRONMENT = { CYBERUN_OAUTH_KEY_TEAM: ` ${KEY} `, EMPTY: ' ', PASSWORD: 'hunter2' };
const issuer = { issuer: 'https://id.example.com/realms/lab', keys: [{ key_env: 'CYBERUN_OAUTH_KEY_TEAM' }] };

function fileOf(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'oauth-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'team.key'), `${KEY}\n`);
  writeFileSync(join(folder, 'oauth.yaml'), typeof content === 'string' ? content : stringify(content));
  return join(folder, 'oauth.yaml');
}

const readFile = await loadOAuthFileReader(ENVIRONMENT);
const read = (content: unknown): OAuthConfig => readFile(fileOf(content));

it('a file needs one issuer and one key, and the rest has defaults', () => {
  const { issuers, ...rest } = read({ issuers: [issuer] });
  expect(rest).toEqual({
    resource: undefined,
    documentation: undefined,
    scopes: {},
    initialScopes: [],
    scopePrefix: '',
  });
  expect(issuers).toMatchObject([
    {
      issuer: 'https://id.example.com/realms/lab',
      scope_claims: ['scope', 'scp'],
      require_at_jwt: false,
      keys: [{ when: {}, key: KEY }],
    },
  ]);
  expect(issuers[0]?.algorithms.filter((algorithm) => algorithm.startsWith('HS'))).toEqual([]);
});

it('a value stands for a list of one, and the path of a key is relative to the file', () => {
  const keys = [{ when: { groups: 'lab', level: [1, 2] }, key_file: 'team.key' }];
  const { issuers, scopes, initialScopes } = read({
    scopes: { access: 'cyberun', run: ['cyberun.run', 'cyberun.all'] },
    issuers: [{ ...issuer, audience: 'api://cyberun', keys }],
  });
  expect(issuers).toMatchObject([
    { audience: ['api://cyberun'], keys: [{ when: { groups: ['lab'], level: [1, 2] }, key: KEY }] },
  ]);
  expect(scopes).toEqual({ access: ['cyberun'], run: ['cyberun.run', 'cyberun.all'] });
  expect(initialScopes).toEqual(['cyberun']);
});

const withIssuer = (changes: object): object => ({ issuers: [{ ...issuer, ...changes }] });
const withKey = (rule: object): object => withIssuer({ keys: [rule] });

it.each<[content: unknown, problem: string]>([
  ['issuers: [', 'is not YAML: '],
  ['', 'it must be of the type object'],
  [{}, 'issuers is missing'],
  [{ issuers: [] }, 'issuers must not be empty'],
  [{ issuers: [issuer], colour: 1 }, 'it has the unknown field colour'],
  [{ issuers: [issuer], resource: 'https://mcp.example.com/mcp?a=1' }, 'resource must have no query'],
  [{ issuers: [issuer, issuer] }, 'the issuer https://id.example.com/realms/lab is there twice'],
  [withIssuer({ issuer: 'id.example.com' }), 'issuers[0].issuer must be a URL that begins with https://'],
  [withIssuer({ issuer: 'http://id.example.com' }), 'issuers[0].issuer must begin with https://'],
  [withIssuer({ issuer: 'https://id.example.com?x=1' }), 'issuers[0].issuer must have no query'],
  [withIssuer({ jwks_uri: 'https://me:pw@id.example.com/keys' }), 'without credentials'],
  [withIssuer({ algorithms: ['HS256'] }), 'issuers[0].algorithms[0] must be one of RS256'],
  [withIssuer({ algorithms: ['none'] }), 'issuers[0].algorithms[0] must be one of RS256'],
  [withIssuer({ keys: [] }), 'issuers[0].keys must not be empty'],
  [{ issuers: [issuer], scopes: { run: 'two words' } }, 'scopes.run[0] must be a scope, without spaces'],
  [withKey({ key: KEY }), 'has the unknown field key. A key does not belong here'],
  [withKey({ when: { groups: 'x' } }), 'issuers[0].keys[0] must have either key_env or key_file'],
  [withKey({ key_env: 'A', key_file: 'b' }), 'issuers[0].keys[0] must have either key_env or key_file'],
  [withKey({ when: { groups: [{}] }, key_env: 'A' }), 'issuers[0].keys[0].when.groups[0] must be a text'],
  [withKey({ key_env: 'MISSING' }), 'in the variable MISSING, which holds nothing'],
  [withKey({ key_env: 'EMPTY' }), 'in the variable EMPTY, which holds nothing'],
  [withKey({ key_env: 'PASSWORD' }), 'in the variable PASSWORD, which holds something else'],
  [withKey({ key_file: 'missing.key' }), 'A key of OAuth cannot be read: ENOENT'],
])('the file %j is refused in one sentence', (content, problem) => {
  const file = fileOf(content);
  const act = (): unknown => readFile(file);
  expect(act).toThrow(SettingError);
  expect(act).toThrow(problem);
  expect(act).not.toThrow(KEY);
  expect(act).not.toThrow('hunter2');
});

it('a file that is not there stops the start with the name of its setting', () => {
  expect(() => readFile('/nowhere/oauth.yaml')).toThrow(/^CYBERUN_OAUTH_FILE cannot be read: ENOENT/);
});
