import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { serviceSample } from '../../../test/support/runtime-samples.js';
import { ContainerServicesService, masked } from './container-services.service.js';

it('ContainerServicesService lists services without their secrets by GET /r/containers', async () => {
  const { client, asked } = recordingUpstream({ service_list: [serviceSample()] });
  const list = await new ContainerServicesService(client).list(someCaller, { current_page: 1 });
  expect(asked).toEqual(['GET /r/containers?current_page=1']);
  expect(list.service_list).toMatchObject([{ service_slug: 'my-llm', usage_prompt: expect.any(String) }]);
  expect(JSON.stringify(list)).not.toContain('planted');
});

it('ContainerServicesService gets a service without its secrets by GET /r/containers/{slug}', async () => {
  const { client, asked } = recordingUpstream(serviceSample());
  const service = await new ContainerServicesService(client).get(someCaller, 'my-llm');
  expect(asked).toEqual(['GET /r/containers/my-llm']);
  expect(service).toMatchObject({
    env_config: [{ env_name: 'HF_TOKEN', env_value: '[hidden]' }],
    volume_config: [{ host_path: '[hidden]', container_path: '/models' }],
  });
});

it('ContainerServicesService forwards a request and its response unchanged by POST /r/invoke/{slug}', async () => {
  const answer = { status_code: 500, headers: { 'Set-Cookie': ['a', 'b'] }, body_base64: 'e30=' };
  const { client, asked, sent } = recordingUpstream(answer);
  const request = { method: 'GET', path: '/x?y=1', headers: { Accept: '*/*' } } as const;
  expect(await new ContainerServicesService(client).invoke(someCaller, 'my-llm', request, 10_000)).toEqual(
    answer,
  );
  expect(asked).toEqual(['POST /r/invoke/my-llm']);
  expect(sent[0]?.body).toEqual({ ...request, link_above: 10_000, link_images_above: 1_048_576 });
});

it('a service shows no values of the environment and no host paths at any depth', () => {
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
