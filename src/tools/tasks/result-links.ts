import type { ResourceLink } from '@modelcontextprotocol/server';
import { z } from 'zod';

import type { TaskResult } from '../../contract/index.js';

/** What some runtimes say about their output files; others say nothing. */
const describedFiles = z.object({
  files: z.array(
    z.object({ name: z.string(), size: z.number().optional(), content_type: z.string().optional() }),
  ),
});

/** A link for each output of a task, for clients that show or fetch resources. */
export function resultLinks({ task_output, download_url, download_urls }: TaskResult): ResourceLink[] {
  const links = new Map(Object.entries(download_urls ?? {}).map(([name, uri]) => [uri, name]));
  if (download_url && !links.has(download_url)) links.set(download_url, lastSegment(download_url));
  const described = describedFiles.safeParse(task_output).data?.files ?? [];
  return [...links]
    .filter(([uri]) => /^https?:/.test(uri) && URL.canParse(uri))
    .map(([uri, name]) => {
      const file = described.find((candidate) => candidate.name === name);
      return {
        type: 'resource_link',
        uri,
        name,
        ...(file?.content_type !== undefined && { mimeType: file.content_type }),
        ...(file?.size !== undefined && { size: file.size }),
      };
    });
}

function lastSegment(url: string): string {
  const path = URL.parse(url)?.pathname ?? '';
  return path.slice(path.lastIndexOf('/') + 1) || 'output';
}
