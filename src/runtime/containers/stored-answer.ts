import {
  contentCodings,
  essenceOf,
  isDecodable,
  nameWithExtension,
  validFileName,
} from '../../contract/index.js';
import { fileNameIn } from './content-disposition.js';
import type { ProxyHeaders } from './proxy-headers.js';

const FALLBACK_TYPE = 'application/octet-stream';

/** Extensions and types of files that are in a coding by themselves: `data.tar.gz` is meant to stay so. */
const PACKED: Readonly<Record<string, { readonly names: RegExp; readonly type: string }>> = {
  gzip: { names: /\.(?:gz|tgz|svgz)$/i, type: 'application/gzip' },
  'x-gzip': { names: /\.(?:gz|tgz|svgz)$/i, type: 'application/gzip' },
  br: { names: /\.br$/i, type: FALLBACK_TYPE },
  zstd: { names: /\.(?:zst|tzst)$/i, type: 'application/zstd' },
};
const PACKED_TYPE = /^application\/(?:(?:x-)?gzip|x-gzip-compressed|zstd)$/;

/**
 * What cannot be seen in a name, or changes how it is shown: controls, line separators, and format characters such as
 * those that reverse the direction of writing. Those that join letters belong to scripts and emoji.
 */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** How the body of an answer is stored. */
interface StoredAnswer {
  readonly contentType: string;
  readonly fileName: string;
  /** Content codings to undo before, in the order in which they were applied. */
  readonly codings: readonly string[];
}

/**
 * Type, name and codings of a body by the headers of its answer, else by the path that was asked for. What opens a link
 * gets no Content-Encoding, neither from the built-in store nor from S3, so the bytes must be what type and name say.
 */
export function storedAnswer(headers: ProxyHeaders, path: string): StoredAnswer {
  const contentType = String(headers['content-type'] ?? FALLBACK_TYPE);
  const codings = contentCodings(headers);
  const fileName = givenName(headers) ?? nameOfPath(path, contentType);
  const [coding = '', ...others] = codings;
  if (coding === '') return { contentType, fileName, codings };
  const packed = others.length === 0 ? PACKED[coding] : undefined;
  if (packed && (packed.names.test(fileName) || PACKED_TYPE.test(essenceOf(contentType))))
    return { contentType: packed.type, fileName, codings: [] };
  if (isDecodable(codings)) return { contentType, fileName, codings };
  return { contentType: FALLBACK_TYPE, fileName: validFileName(`${fileName}.encoded`), codings: [] };
}

/** A name without a path that shows as what it is; `undefined` when nothing is left of it. */
export function safeName(wanted: string): string | undefined {
  const name = validFileName(wanted.toWellFormed().replaceAll(UNSEEN, '_'))
    .trim()
    // Windows drops them.
    .replace(/[. ]+$/, '');
  return /[^\s._]/u.test(name) ? name : undefined;
}

function givenName(headers: ProxyHeaders): string | undefined {
  const given = fileNameIn(String(headers['content-disposition'] ?? ''));
  return given === undefined ? undefined : safeName(given);
}

function nameOfPath(path: string, contentType: string): string {
  const [place = ''] = path.split('?', 1);
  const last = place.slice(place.lastIndexOf('/') + 1);
  return validFileName(nameWithExtension(safeName(decodedPart(last)) ?? 'answer', contentType));
}

function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
