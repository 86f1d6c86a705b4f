import { z } from 'zod';

export const presignRequest = z.object({
  file_name: z.string().min(1).max(255),
  file_size: z.number().int().min(0),
  content_type: z.string().min(1).max(255),
});
export type PresignRequest = z.infer<typeof presignRequest>;

/** Where and how to PUT; every header of `upload_headers` is signed and must be sent as it is. */
export const presignedUpload = z.looseObject({
  file_key: z.string(),
  upload_url: z.string(),
  upload_headers: z.record(z.string(), z.string()).optional(),
});
export type PresignedUpload = z.infer<typeof presignedUpload>;
