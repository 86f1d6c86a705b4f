import { z } from 'zod';

export const presignRequest = z.object({
  file_name: z.string().min(1).max(255),
  file_size: z.number().int().min(0),
  content_type: z.string().min(1).max(255),
});
export type PresignRequest = z.infer<typeof presignRequest>;

/** Bytes of a text that is stored without an upload. */
export const TEXT_FILE_BYTES = 100_000;

/** A small file that is stored at once; needs the feature. */
export const textFileRequest = z.object({
  file_name: presignRequest.shape.file_name,
  content_type: presignRequest.shape.content_type,
  content_text: z.string(),
});
export type TextFileRequest = z.infer<typeof textFileRequest>;

export const storedText = z.looseObject({ file_key: z.string(), file_size: z.number().int().optional() });
export type StoredText = z.infer<typeof storedText>;

/** What begins an upload in parts. */
export const multipartOffer = z.looseObject({
  start_url: z.string(),
  part_size: z.number().int(),
  part_count: z.number().int(),
});
export type MultipartOffer = z.infer<typeof multipartOffer>;

/** An upload in parts that has begun: its links are valid for a day, and take no key. */
export const multipartUpload = z.looseObject({
  part_size: z.number().int(),
  part_count: z.number().int(),
  /** GET → {@link uploadParts}. */
  parts_url: z.string(),
  /** POST → `{ file_key }`. */
  complete_url: z.string(),
  /** DELETE. */
  abort_url: z.string(),
});
export type MultipartUpload = z.infer<typeof multipartUpload>;

/** Where to PUT some parts; a link is valid for an hour. */
export const uploadParts = z.looseObject({
  parts: z.array(
    z.looseObject({
      part_number: z.number().int(),
      part_size: z.number().int(),
      upload_url: z.string(),
      upload_headers: z.record(z.string(), z.string()),
      /** Of a part that is stored. */
      etag: z.string().optional(),
    }),
  ),
  /** Of the next page: `?from=`. */
  next_part_number: z.number().int().optional(),
});
export type UploadParts = z.infer<typeof uploadParts>;

/** Where to PUT; the signed `upload_headers` must be sent unchanged. */
export const presignedUpload = z.looseObject({
  file_key: z.string(),
  upload_url: z.string(),
  upload_headers: z.record(z.string(), z.string()).optional(),
  multipart: multipartOffer
    .optional()
    .describe(
      'Only for a large file, and needed above 5 GB: the same upload in parts. POST start_url; GET its parts_url; PUT each part to its upload_url; POST complete_url',
    ),
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
