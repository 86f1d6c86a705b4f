import { expect, it } from 'vitest';

import { masked } from './masking.js';

it('hides values of the environment and host paths wherever they are, and nothing else', () => {
  const shown = masked({
    name: 'x',
    env_config: [
      { env_name: 'A', env_value: 'secret' },
      { env_name: 'B', env_value: { inner: 'secret' } },
    ],
    of_tomorrow: { volumes: { main: { host_path: '/secret', container_path: '/data' } } },
    nothing: null,
    count: 0,
  });
  expect(shown).toEqual({
    name: 'x',
    env_config: [
      { env_name: 'A', env_value: '[hidden]' },
      { env_name: 'B', env_value: '[hidden]' },
    ],
    of_tomorrow: { volumes: { main: { host_path: '[hidden]', container_path: '/data' } } },
    nothing: null,
    count: 0,
  });
});
