import { randomUUID } from 'node:crypto';

import { isUUID } from 'class-validator';

import { validFileName } from '../../contract/index.js';
import type { FileKind } from './object-store.js';

/** The parts of a key. */
export interface FileKeyParts {
  readonly kind: FileKind;
  readonly teamId: string;
  readonly contentType: string;
  readonly fileName: string;
}

/** Valid in a header, and short enough for a folder name in base64. */
const MIME_TYPE = /^(?=.{1,140}$)[\w.+-]+\/[\w.+-]+(?: *;[ -~]*)?$/;
const FALLBACK_TYPE = 'application/octet-stream';

const uniqueKey =
  (kind: FileKind) =>
  (teamId: string, fileName: string, contentType: string): string =>
    [kind, teamId, randomUUID(), encodeType(contentType), validFileName(fileName)].join('/');

/** Unique key of a new upload. */
export const inputKey = uniqueKey('inputs');

/** Unique key of the body of an answer of a service. */
export const answerKey = uniqueKey('answers');

/** The run of an output; every attempt has its own outputs. */
export interface OutputOwner {
  readonly teamId: string;
  readonly taskId: string;
  readonly attempt: number;
}

export const outputKey = (
  { teamId, taskId, attempt }: OutputOwner,
  fileName: string,
  contentType: string,
): string => ['outputs', teamId, taskId, attempt, encodeType(contentType), validFileName(fileName)].join('/');

/** The name of an output for clients: as a key, but short, and the same for every attempt. */
export const outputAlias = (taskId: string, fileName: string): string => `outputs/${taskId}/${fileName}`;

/** The task and file name of an {@link outputAlias}; `undefined` when it is none. */
export function parseOutputAlias(alias: string): { taskId: string; fileName: string } | undefined {
  const [kind, taskId = '', fileName = '', ...rest] = alias.split('/');
  if (kind !== 'outputs' || rest.length > 0 || !isUUID(taskId) || fileName === '') return undefined;
  return { taskId, fileName };
}

/** Parses a key; `undefined` when it is invalid, such as a path traversal. */
export function parseFileKey(key: string): FileKeyParts | undefined {
  const parts = key.split('/');
  const [kind, teamId] = parts;
  const [encodedType, fileName] = parts.slice(-2);
  const length = kind === 'outputs' ? 6 : 5;
  if (kind !== 'inputs' && kind !== 'outputs' && kind !== 'answers') return undefined;
  if (parts.length !== length || parts.some((part) => part !== validFileName(part))) return undefined;
  if (teamId === undefined || encodedType === undefined || fileName === undefined) return undefined;
  return { kind, teamId, contentType: decodeType(encodedType), fileName };
}

/** The header that makes a browser save a file under its name (RFC 6266). */
export function contentDisposition(fileName: string): string {
  const ascii = fileName.replaceAll(/[^ -~]|["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

const encodeType = (contentType: string): string =>
  Buffer.from(MIME_TYPE.test(contentType) ? contentType : FALLBACK_TYPE).toString('base64url');

function decodeType(encoded: string): string {
  const type = Buffer.from(encoded, 'base64url').toString();
  return MIME_TYPE.test(type) ? type : FALLBACK_TYPE;
}
