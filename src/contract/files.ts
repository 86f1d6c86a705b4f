import { z } from 'zod';

export const presignRequest = z.object({
  file_name: z.string().min(1).max(255),
  file_size: z.number().int().min(0),
  content_type: z.string().min(1).max(255),
});
export type PresignRequest = z.infer<typeof presignRequest>;

/** Where to PUT; the signed `upload_headers` must be sent unchanged. */
export const presignedUpload = z.looseObject({
  file_key: z.string(),
  upload_url: z.string(),
  upload_headers: z.record(z.string(), z.string()).optional(),
});
export type PresignedUpload = z.infer<typeof presignedUpload>;

/** Limit of usual file systems for names in UTF-8 bytes, with room for suffixes. */
const NAME_BYTES = 200;
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[/\\\u0000-\u001f\u007f]/g;

/** Turns any name into a valid single path segment; valid names do not change. */
export function validFileName(wanted: string): string {
  let name = wanted.replaceAll(NOT_IN_A_NAME, '_').toWellFormed();
  // Shortened at the front, to keep the extension.
  while (Buffer.byteLength(name) > NAME_BYTES) name = name.slice((name.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return name === '' || name === '.' || name === '..' ? '_' : name;
}
