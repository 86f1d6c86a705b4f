import { type Workflow, workflow, workflowList } from '../../contract/index.js';
import { type ApiClient, ApiRejection } from './api-client.js';
import { CommandError } from './command-error.js';
import { suggestion } from './suggestion.js';

const NOT_FOUND = 404;
const PAGE = 100;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** A workflow by slug, slug@version or id. The error for an unknown one names the nearest. */
export async function findWorkflow(api: ApiClient, name: string): Promise<Workflow> {
  const path = UUID.test(name) ? ['r', 'workflows', name] : ['r', 'workflows', 'slug', name];
  try {
    return await api.get(path, workflow);
  } catch (error) {
    if (!(error instanceof ApiRejection) || error.status !== NOT_FOUND) throw error;
    throw new CommandError(`There is no workflow ${name}. ${await adviceFor(api, name)}`, undefined, {
      cause: error,
    });
  }
}

async function adviceFor(api: ApiClient, name: string): Promise<string> {
  const { workflow_list } = await api.get(['r', 'workflows'], workflowList, { per_page: PAGE });
  const slugs = workflow_list.flatMap(({ workflow_slug }) => workflow_slug ?? []);
  const [slug = '', version] = name.split('@');
  if (version !== undefined && slugs.includes(slug))
    return `${slug} is there, but not as version ${version}: leave @${version} out.`;
  return suggestion(slug, slugs, 'workflows');
}
