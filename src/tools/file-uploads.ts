import {
  type PresignedUpload,
  presignedUpload,
  type PresignRequest,
  type StoredText,
  storedText,
  TEXT_FILE_BYTES,
  type TextFileRequest,
} from '../contract/index.js';
import type { Caller, FileTransfer, UpstreamClient, UpstreamRequest } from '../upstream/index.js';

const TEXT_FILES = {
  feature: 'text-files',
  otherwise:
    'This Runtime API stores no text by itself. Leave content_text out, give file_size, and send the file by HTTP PUT to upload_url.',
} as const;

/** The request for a link that takes an input file. */
export const uploadLinkRequest = (body: PresignRequest): UpstreamRequest<PresignedUpload> => ({
  operation: 'prepare the upload',
  method: 'POST',
  path: ['r', 'files', 'presign'],
  body,
  answer: presignedUpload,
  whenUnsure: 'Nothing was uploaded; call again.',
});

/** The request that stores a small text as an input file. */
export const storeTextRequest = (body: TextFileRequest): UpstreamRequest<StoredText> => ({
  operation: 'store the file',
  method: 'POST',
  path: ['r', 'files'],
  body,
  answer: storedText,
  whenUnsure: 'The file may be stored, which does no harm; call again for its file_key.',
  needs: [TEXT_FILES],
});

/** A file that is written by a model. */
interface TextFile {
  readonly file_name: string;
  readonly content_type: string;
  readonly text: string;
}

interface UploadedText {
  readonly file_key: string;
  /** In bytes. */
  readonly file_size: number;
}

/** Stores a text as an input file: a small one by the runtime itself if it can, else with an upload link. */
export async function uploadText(
  upstream: UpstreamClient,
  transfer: FileTransfer,
  caller: Caller,
  { text, ...file }: TextFile,
): Promise<UploadedText> {
  const content_text = text.toWellFormed();
  const bytes = Buffer.from(content_text);
  const file_size = bytes.length;
  if (file_size <= TEXT_FILE_BYTES && (await upstream.has(caller, TEXT_FILES.feature))) {
    const { file_key } = await upstream.send(caller, storeTextRequest({ ...file, content_text }));
    return { file_key, file_size };
  }
  const wanted = uploadLinkRequest({ ...file, file_size });
  const { file_key, upload_url, upload_headers } = await upstream.send(caller, wanted);
  await transfer.put(caller, { url: upload_url, headers: upload_headers }, bytes);
  return { file_key, file_size };
}
