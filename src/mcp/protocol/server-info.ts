import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/server';

import { packageVersion } from '../../config/index.js';

/** Name, capabilities and instructions of this server. */
export interface ServerInfo {
  readonly implementation: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string;
}

/** Injects a {@link ServerInfo}. */
export const SERVER_INFO = Symbol('SERVER_INFO');

/** A model reads them once, before its first call; 200 to 400 tokens. */
const instructions = `Cyberun runs workflows on the team's own agents (machines), and hosts HTTP services on them.

To run a workflow:
1. Find it: list_workflows, then get_workflow or get_workflow_by_slug for its parameters.
2. Upload, if a parameter is a file: presign_file_upload, then send the file with your own shell, one -H for each of upload_headers:
   curl -T FILE -H "Name: value" "upload_url"
   Give the returned file_key as the parameter's value.
3. Run: run_workflow or run_workflow_by_slug; it returns a task_id at once. Check the parameters first: a run costs the team's machines time.
4. Follow: stream_task_events waits for the end and reports progress. If it returns a task that is not completed, failed or cancelled (after 50 s without progress notifications), call it again; if your client ends the call sooner, give it a smaller timeout_seconds.
5. Fetch: get_task_result. Download links expire; call it again for fresh ones.

After an error that says the call may have taken effect, look at list_tasks before you run anything again: runs are never repeated for you. cancel_task stops a task. A task that stays waiting has no agent with the labels its workflow needs; list_agents shows who is online.

Services: list_container_services, then get_container_service (its usage_prompt says how to use it), then call_container_service. Use a service for a quick answer, a workflow for work that takes longer or makes files.`;

export const serverInfo: ServerInfo = {
  implementation: { name: 'cyberun-cloud', title: 'Cyberun Cloud', version: packageVersion },
  // mcp-nest's strategy announces logging unless the key is present.
  capabilities: { tools: { listChanged: true }, logging: undefined },
  instructions,
};
