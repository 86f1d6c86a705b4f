import { createHash } from 'node:crypto';

import type { BundleRef } from '../../contract/index.js';
import type { Bundle, BundlesService } from '../bundles/index.js';
import type { Tx } from '../database/index.js';
import { FilesChanging } from './definition-folder.js';

/** Hash of a definition, followed by that of the files beside it. */
export function contentHashOf({
  bundle,
  ...definition
}: {
  readonly bundle?: BundleRef | undefined;
}): string {
  const hash = createHash('sha256').update(JSON.stringify(definition)).digest('hex');
  return bundle ? `${hash} ${bundle.hash}` : hash;
}

interface FilesBeside {
  /** The file of the definition. */
  readonly file: string;
  readonly wanted: BundleRef;
  readonly packed: Bundle | undefined;
}

/**
 * Stores the files beside a definition.
 *
 * @throws {FilesChanging} when they are not those of the definition any more.
 */
export async function saveFilesBeside(
  tx: Tx,
  bundles: BundlesService,
  { file, wanted, packed }: FilesBeside,
): Promise<void> {
  if (packed?.hash !== wanted.hash) throw new FilesChanging(file);
  await bundles.save(tx, packed);
}
