import { z } from 'zod';

import { packageVersion } from '../../config/index.js';

const FORMAT = 'cyberun-mcp export';
const FORMAT_VERSION = 1;

/** Paths in the archive: a gzipped tar, so that its parts can be looked at and taken out with common tools. */
export const PATHS = {
  manifest: 'manifest.json',
  /** Followed by the name of a table and a number: a JSON array per line. */
  tables: 'tables/',
  secret: 'files-secret',
  /** Followed by the key of a file. */
  files: 'files/',
  end: 'end.json',
};

/** The first entry: what the rest needs. */
const manifestShape = z.object({
  format: z.literal(FORMAT),
  format_version: z.literal(FORMAT_VERSION),
  /** Of cyberun-mcp. */
  version: z.string(),
  exported_at: z.string(),
  /** Names of the migrations that have made the tables. */
  migrations: z.array(z.string()),
  /** Teams and labels of the tasks that have not ended. */
  queues: z.array(z.object({ team_id: z.string(), labels: z.array(z.string()) })),
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.tuple([z.string(), z.string()])) })),
});
export type Manifest = z.infer<typeof manifestShape>;

/** The last entry: an archive without it is not complete. */
const endShape = z.object({
  rows: z.record(z.string(), z.number()),
  files: z.number(),
  file_bytes: z.number(),
});
export type ExportCounts = z.infer<typeof endShape>;

export const newManifest = (
  content: Omit<Manifest, 'format' | 'format_version' | 'version' | 'exported_at'>,
): Manifest => ({
  format: FORMAT,
  format_version: FORMAT_VERSION,
  version: packageVersion,
  exported_at: new Date().toISOString(),
  ...content,
});

/** `undefined` when it is not a manifest of this format. */
export const parseManifest = (text: string): Manifest | undefined => parsed(manifestShape, text);
export const parseEnd = (text: string): ExportCounts | undefined => parsed(endShape, text);

function parsed<T>(shape: z.ZodType<T>, text: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
