import { packageVersion, StartError } from '../../config/index.js';
import type { WantedDefinitions } from './applied-definitions.js';
import type { ReadDefinition } from './definition-files.js';

/** Files beside definitions that one message carries, in base64; all of them are in memory at both ends. */
const FILES_LIMIT = 128 * 1024 * 1024;

/** {@link WantedDefinitions} in JSON, from a command to the server that holds the data folder. */
interface WantedMessage extends Omit<WantedDefinitions, 'definitions'> {
  /** Compiled definitions differ between versions. */
  readonly version: string;
  readonly definitions: readonly (Omit<ReadDefinition, 'files'> & {
    readonly archive?: string | undefined;
  })[];
}

/** @throws {StartError} when the files are too large. */
export function encodeWanted({ definitions, ...wanted }: WantedDefinitions): WantedMessage {
  const bytes = definitions.reduce((sum, { files }) => sum + (files?.size ?? 0), 0);
  if (bytes > FILES_LIMIT)
    throw new StartError(
      `The files beside the definitions have ${bytes} bytes together; a running server takes at most ${FILES_LIMIT} at once. Apply fewer folders at once, or stop the server first.`,
    );
  return {
    ...wanted,
    version: packageVersion,
    definitions: definitions.map(({ files, ...rest }) => ({
      ...rest,
      archive: files?.archive.toString('base64'),
    })),
  };
}

/** @throws {StartError} when the command has another version. */
export function decodeWanted(message: WantedMessage): WantedDefinitions {
  const { version, definitions, ...wanted } = message;
  if (version !== packageVersion)
    throw new StartError(
      `This is version ${version} of cyberun-mcp, and the server that uses the data folder is version ${packageVersion}. Run the command of the same version.`,
    );
  return {
    ...wanted,
    definitions: definitions.map(({ archive, ...rest }) => ({
      ...rest,
      ...(archive !== undefined &&
        rest.definition.bundle && {
          files: { ...rest.definition.bundle, archive: Buffer.from(archive, 'base64') },
        }),
    })) as ReadDefinition[],
  };
}
