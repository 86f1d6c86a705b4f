import { extension } from 'mime-types';

import { validFileName } from '../../contract/index.js';
import type { ProxyHeaders } from './proxy-headers.js';

const FALLBACK_TYPE = 'application/octet-stream';
/** The name that a service gives (RFC 6266), in its plain form. */
const GIVEN_NAME = /filename="([^"]+)"|filename=([^\s;"]+)/i;

/** Content type and file name for the body of an answer: of its headers, else of the path that was asked for. */
export function nameOfBody(
  headers: ProxyHeaders,
  path: string,
): { readonly contentType: string; readonly fileName: string } {
  const contentType = String(headers['content-type'] ?? FALLBACK_TYPE);
  const [, quoted, plain] = GIVEN_NAME.exec(String(headers['content-disposition'] ?? '')) ?? [];
  const given = quoted ?? plain;
  if (given !== undefined) return { contentType, fileName: validFileName(given) };
  const [place = ''] = path.split('?', 1);
  const last = place.slice(place.lastIndexOf('/') + 1);
  const suffix = extension(contentType);
  const name = last === '' ? 'answer' : last;
  return { contentType, fileName: validFileName(last.includes('.') || !suffix ? name : `${name}.${suffix}`) };
}
