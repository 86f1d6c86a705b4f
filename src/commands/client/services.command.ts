import { type ContainerService, containerService, containerServiceList } from '../../contract/index.js';
import { ApiClient, ApiRejection } from './api-client.js';
import { CommandError } from './command-error.js';
import { listed, type ListOptions } from './listing.js';
import { note, printFields, printJson, type PrintOptions, printTable, timeText } from './printing.js';
import { suggestion } from './suggestion.js';

/** `services list`. */
export async function listServices(options: ListOptions): Promise<void> {
  const { items, total } = await services(await ApiClient.open(), options);
  if (options.json) return printJson({ service_list: items, total_count: total });
  if (items.length === 0) return note('There are no services.');
  printTable(
    ['SLUG', 'STATUS', 'REPLICAS', 'NAME', 'URL'],
    items.map((each) => [
      each.service_slug,
      each.service_status,
      replicasText(each),
      each.display_name,
      each.url,
    ]),
  );
}

const services = (api: ApiClient, options: ListOptions) =>
  listed(
    api,
    { path: ['r', 'containers'] },
    { answer: containerServiceList, itemsOf: (body) => body.service_list },
    options,
  );

const replicasText = ({ running_replicas: running, replica_count: wanted }: ContainerService) =>
  typeof running === 'number' && typeof wanted === 'number' ? `${running}/${wanted}` : undefined;

/** For suggestions. */
const ALL = { limit: '1000', json: true } as const;
const NOT_FOUND = 404;

/** `services show SLUG`. */
export async function showService(slug: string, { json: isJson }: PrintOptions): Promise<void> {
  const api = await ApiClient.open();
  const found = await api.get(['r', 'containers', slug], containerService).catch(async (error: unknown) => {
    if (!(error instanceof ApiRejection) || error.status !== NOT_FOUND) throw error;
    const names = (await services(api, ALL)).items.map(({ service_slug }) => service_slug);
    throw new CommandError(`There is no service ${slug}. ${suggestion(slug, names, 'services')}`);
  });
  // Values of variables may be secrets.
  const { env_config, ...rest } = found;
  if (isJson)
    return printJson({
      ...rest,
      ...(env_config && { env_config: env_config.map(({ env_name }) => ({ env_name })) }),
    });
  const { last_failure: failure } = found;
  printFields({
    Service: found.service_slug,
    Name: found.display_name,
    Status: found.service_status,
    Reason: found.status_reason,
    Replicas: replicasText(found),
    URL: found.url,
    Description: found.service_desc,
    Usage: found.usage_prompt,
    'Last failure': failure && [failure.reason, timeText(failure.failed_at)].filter(Boolean).join(', at '),
    'Last lines': failure?.log_lines?.join('\n'),
  });
}
