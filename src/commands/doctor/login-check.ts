import { workflowList } from '../../contract/index.js';
import { ApiClient, permissionsIn } from '../client/api-client.js';
import { loginPath, readLogin } from '../client/login-file.js';
import { type Finding, passed } from './finding.js';

/** The server and the key that the commands for users would use. */
export async function checkLogin(): Promise<Finding> {
  if (!process.env['CYBERUN_API_KEY']?.trim() && (await readLogin()) === undefined)
    return passed(
      'login',
      'There is no login, and CYBERUN_API_KEY is not set; only run, tasks and the like need one.',
    );
  const { server, headers } = await firstAnswer(await ApiClient.open());
  const permissions = permissionsIn(headers);
  const may = permissions ? `; it may ${['read', ...permissions].join(', ')}` : '';
  const place = server.keyFrom === 'login' ? loginPath() : server.keyFrom;
  return passed('login', `${server.url} accepts the key of ${place}${may}.`);
}

async function firstAnswer(api: ApiClient) {
  const { headers } = await api.send({ path: ['r', 'workflows'], query: { per_page: 1 } }, workflowList);
  return { server: api.server, headers };
}
