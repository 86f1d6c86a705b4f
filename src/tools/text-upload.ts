import { presignedUpload, storedText, TEXT_FILE_BYTES } from '../contract/index.js';
import type { Caller, FileTransfer, UpstreamClient } from '../upstream/index.js';

/** A small file that is written by a model. */
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
  { file_name, content_type, text }: TextFile,
): Promise<UploadedText> {
  const content_text = text.toWellFormed();
  const bytes = Buffer.from(content_text);
  if (bytes.length <= TEXT_FILE_BYTES && (await upstream.has(caller, 'text-files'))) {
    const { file_key } = await upstream.send(caller, {
      operation: 'store the file',
      method: 'POST',
      path: ['r', 'files'],
      body: { file_name, content_type, content_text },
      answer: storedText,
      whenUnsure: 'The file may be stored, which does no harm; call again for its file_key.',
    });
    return { file_key, file_size: bytes.length };
  }
  const { file_key, upload_url, upload_headers } = await upstream.send(caller, {
    operation: 'prepare the upload',
    method: 'POST',
    path: ['r', 'files', 'presign'],
    body: { file_name, file_size: bytes.length, content_type },
    answer: presignedUpload,
    whenUnsure: 'Nothing was uploaded; call again.',
  });
  await transfer.put(caller, { url: upload_url, headers: upload_headers }, bytes);
  return { file_key, file_size: bytes.length };
}
