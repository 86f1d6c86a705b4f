import { randomUUID } from 'node:crypto';

/** What a key says about its file. */
export interface FileKeyParts {
  readonly kind: 'inputs' | 'outputs';
  readonly teamId: string;
  readonly contentType: string;
  readonly fileName: string;
}

/** Longest name a folder takes in every usual file system, in bytes of UTF-8. */
const NAME_BYTES = 200;
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[/\\\u0000-\u001f\u007f]/g;
/** What may stand in a header again, and is short enough for a folder's name in base64. */
const MIME_TYPE = /^(?=.{1,140}$)[\w.+-]+\/[\w.+-]+(?: *;[ -~]*)?$/;
const FALLBACK_TYPE = 'application/octet-stream';

/** Key of a new upload; no two are alike. */
export const inputKey = (teamId: string, fileName: string, contentType: string): string =>
  ['inputs', teamId, randomUUID(), encodeType(contentType), safeName(fileName)].join('/');

/** Key of an output; every run of a task has its own place. */
export const outputKey = (
  run: { teamId: string; taskId: string; attempt: number },
  fileName: string,
  contentType: string,
): string =>
  ['outputs', run.teamId, run.taskId, String(run.attempt), encodeType(contentType), safeName(fileName)].join(
    '/',
  );

/** Reads a key; `undefined` when it is none of ours, such as one that climbs out of its folder. */
export function parseFileKey(key: string): FileKeyParts | undefined {
  const parts = key.split('/');
  const [kind, teamId] = parts;
  const [encodedType, fileName] = parts.slice(-2);
  const length = kind === 'inputs' ? 5 : 6;
  if (kind !== 'inputs' && kind !== 'outputs') return undefined;
  if (parts.length !== length || parts.some((part) => part !== safeName(part))) return undefined;
  if (teamId === undefined || encodedType === undefined || fileName === undefined) return undefined;
  return { kind, teamId, contentType: decodeType(encodedType), fileName };
}

/** A name that is one segment of a path, whatever was asked for. */
function safeName(fileName: string): string {
  let name = fileName.replaceAll(NOT_IN_A_NAME, '_').toWellFormed();
  // From the front: the end of a name says what it is.
  while (Buffer.byteLength(name) > NAME_BYTES) name = name.slice((name.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return name === '' || name === '.' || name === '..' ? '_' : name;
}

const encodeType = (contentType: string): string =>
  Buffer.from(MIME_TYPE.test(contentType) ? contentType : FALLBACK_TYPE).toString('base64url');

function decodeType(encoded: string): string {
  const type = Buffer.from(encoded, 'base64url').toString();
  return MIME_TYPE.test(type) ? type : FALLBACK_TYPE;
}
