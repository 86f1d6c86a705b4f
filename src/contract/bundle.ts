import { z } from 'zod';

/** The files beside a definition, packed: what an agent needs to run it on another machine. */
export const bundleRef = z.object({
  /** SHA-256 of the archive (an uncompressed tar), in hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes of the archive. */
  size: z.number().int().min(0),
});
export type BundleRef = z.infer<typeof bundleRef>;
