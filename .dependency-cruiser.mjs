/** Area of `src` → the areas it may import (each only through the other's `index.ts`). docs: ARCHITECTURE.md. */
export const arrows = {
  config: [],
  audit: ['config', 'telemetry'],
  contract: [],
  clients: [],
  telemetry: [],
  tunnel: [],
  http: ['config', 'telemetry'],
  upstream: ['contract', 'http', 'config', 'telemetry'],
  mcp: ['audit', 'upstream', 'http', 'config', 'telemetry'],
  tools: ['mcp', 'upstream', 'contract'],
  page: ['mcp', 'health', 'clients', 'config'],
  extension: ['tools', 'mcp', 'upstream'],
  modules: ['mcp', 'config'],
  runtime: ['audit', 'tunnel', 'contract', 'http', 'config', 'telemetry'],
  agent: ['tunnel', 'contract', 'config', 'telemetry'],
  observability: ['http', 'config', 'telemetry'],
  health: ['config', 'upstream', 'telemetry'],
  commands: ['runtime', 'agent', 'contract', 'clients', 'config'],
};

/** Room of `src/mcp` → the rooms it may import, always further down the list. docs: ARCHITECTURE.md. */
export const rooms = {
  endpoint: [
    'sessions',
    'stateless',
    'storage',
    'resources',
    'tools',
    'http',
    'calls',
    'auth',
    'oauth',
    'protocol',
  ],
  sessions: ['storage', 'resources', 'tools', 'http', 'calls', 'auth', 'protocol'],
  stateless: ['storage', 'resources', 'tools', 'http', 'calls', 'auth', 'protocol'],
  storage: ['calls', 'protocol'],
  resources: ['tools', 'calls', 'auth', 'protocol'],
  tools: ['calls', 'auth', 'protocol'],
  http: ['calls', 'protocol'],
  calls: ['auth', 'protocol'],
  auth: ['oauth', 'protocol'],
  oauth: ['protocol'],
  protocol: [],
};

const areas = Object.keys(arrows);

const forbiddenArrows = areas.map((area) => ({
  name: `${area}-imports-only-what-it-may`,
  severity: 'error',
  from: { path: `^src/${area}/` },
  to: { path: '^src/', pathNot: `^src/(${[area, ...arrows[area]].join('|')})/` },
}));

/** A second file that other areas may import: the index of `tools` is the list of its domains. */
const DOORS = { tools: 'tool-definition' };

const throughTheDoor = areas.map((area) => ({
  name: `${area}-is-entered-by-its-index`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${area}/` },
  to: { path: `^src/${area}/`, pathNot: `^src/${area}/(index|${DOORS[area] ?? 'index'})\\.ts$` },
}));

const forbiddenRooms = Object.entries(rooms).map(([room, below]) => ({
  name: `mcp-${room}-imports-only-the-rooms-below-it`,
  severity: 'error',
  from: { path: `^src/mcp/${room}/` },
  to: { path: '^src/mcp/', pathNot: `^src/mcp/(${[room, ...below].join('|')})/` },
}));

const throughTheDoorOfARoom = {
  name: 'mcp-rooms-are-entered-by-their-index',
  severity: 'error',
  from: { path: '^src/mcp/([^/]+)' },
  to: { path: '^src/mcp/[^/]+/', pathNot: '^src/mcp/($1/|[^/]+/index\\.ts$)' },
};

/** Tool domains do not import one another. */
const separateDomains = {
  name: 'tool-domains-are-separate',
  severity: 'error',
  from: { path: '^src/tools/([^/]+)/' },
  to: { path: '^src/tools/[^/]+/', pathNot: '^src/tools/$1/' },
};

export default {
  forbidden: [
    ...forbiddenArrows,
    ...throughTheDoor,
    ...forbiddenRooms,
    throughTheDoorOfARoom,
    separateDomains,
    {
      // They start in a third of the time that Nest and the settings take to load.
      name: 'client-commands-load-nothing-of-a-server',
      severity: 'error',
      from: { path: '^src/commands/(client|connect)/' },
      to: {
        path: '^src/|@nestjs/',
        pathNot: '^src/(commands/((client|connect)/|[^/]+$)|contract/|clients/)',
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-dev-dependencies-in-the-product',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
