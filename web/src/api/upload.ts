import { post, reachable } from './client.js';
import type { PresignedUpload } from './types.js';

/** Above it an upload has to be sent in parts, which the command line does. */
const SINGLE_UPLOAD_BYTES = 5_000_000_000;
/** Browsers set these themselves. */
const OF_THE_BROWSER: ReadonlySet<string> = new Set(['content-length', 'host']);

/**
 * Uploads a file to where the API says; resolves with its file_key.
 *
 * @param onProgress gets the share that is sent, from 0 to 1.
 */
export async function upload(
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<string> {
  if (file.size > SINGLE_UPLOAD_BYTES)
    throw new Error('Files above 5 GB are uploaded in parts, which a browser does not do here.');
  const offer = await post<PresignedUpload>('r/files/presign', {
    file_name: file.name,
    file_size: file.size,
    content_type: file.type || 'application/octet-stream',
  });
  await put(file, offer, onProgress, signal);
  return offer.file_key;
}

function put(
  file: File,
  { upload_url, upload_headers = {} }: PresignedUpload,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // fetch does not tell how far an upload is.
  const request = new XMLHttpRequest();
  request.open('PUT', reachable(upload_url));
  for (const [name, value] of Object.entries(upload_headers))
    if (!OF_THE_BROWSER.has(name.toLowerCase())) request.setRequestHeader(name, value);
  request.upload.addEventListener('progress', ({ loaded, total }) =>
    onProgress(total > 0 ? loaded / total : 0),
  );
  request.addEventListener('load', () => {
    if (request.status < 300) resolve();
    else reject(new Error(`The file store refused the file with status ${request.status}.`));
  });
  request.addEventListener('error', () => reject(new Error(UNREACHABLE)));
  request.addEventListener('abort', () => reject(new Error('The upload was stopped.')));
  signal.addEventListener('abort', () => request.abort());
  request.send(file);
  return promise;
}

const UNREACHABLE =
  'The file store cannot be reached from this page. An object store must allow this origin (CORS); see docs/console.md.';
