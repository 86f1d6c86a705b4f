import { packageVersion } from '../config/index.js';

/** Who this server is, outside the protocol; server.json in the repository says the same. */
export const IDENTITY = {
  name: 'cloud.cyberun/cyberun-mcp',
  title: 'Cyberun',
  description: 'Run workflows on your own machines, follow them, and call HTTP services there.',
  version: packageVersion,
  websiteUrl: 'https://docs.cyberun.cloud',
} as const;

/** Revisions that clients can speak, the latest first. */
interface Served {
  readonly endpoint: string;
  readonly revisions: readonly string[];
}

const CARD_SCHEMA = 'https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json';
export const CARD_TYPE = 'application/mcp-server-card+json';

/** The header that every client needs. */
export const KEY_HEADER = {
  name: 'Authorization',
  description: 'Bearer and an integration key of Cyberun',
  value: 'Bearer {key}',
  isRequired: true,
  isSecret: true,
  variables: {
    key: { description: 'Integration key (sk-…)', isRequired: true, isSecret: true, placeholder: 'sk-…' },
  },
} as const;

/** The icons of a server, in the form of the protocol. */
export const iconsOf = (endpoint: string): readonly object[] => [
  { src: `${endpoint}/assets/icon.svg`, mimeType: 'image/svg+xml', sizes: ['any'] },
];

/** The Server Card (SEP-2127): how to connect, and no tools, since those are listed over the protocol. */
export const serverCard = ({ endpoint, revisions }: Served): object => ({
  $schema: CARD_SCHEMA,
  ...IDENTITY,
  icons: iconsOf(endpoint),
  remotes: [
    { type: 'streamable-http', url: endpoint, supportedProtocolVersions: revisions, headers: [KEY_HEADER] },
  ],
});

/** The catalog of this host (SEP-2127), which says where the card is. */
export function catalog(endpoint: string): object {
  const { hostname } = new URL(endpoint);
  return {
    specVersion: 'draft',
    entries: [
      {
        identifier: `urn:air:${hostname}:cyberun-mcp`,
        displayName: IDENTITY.title,
        type: CARD_TYPE,
        url: `${endpoint}/server-card`,
      },
    ],
  };
}

/** llms.txt: what an agent that reads this address needs to know. */
export const llmsText = (endpoint: string, tools: readonly { name: string; title: string }[]): string =>
  `# ${IDENTITY.title}

> ${IDENTITY.description}

This is an MCP server over Streamable HTTP, at ${endpoint}

Send \`Authorization: Bearer sk-…\` with an integration key that its operator or your account gives you. There is no OAuth
registration unless ${new URL(endpoint).origin}/.well-known/oauth-protected-resource says so.

## Tools

${tools.map(({ name, title }) => `- ${name}: ${title}`).join('\n')}

## More

- [Server card](${endpoint}/server-card): how to connect, as JSON
- [Documentation](${IDENTITY.websiteUrl}/llms.txt)
`;
