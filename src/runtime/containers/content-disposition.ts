/** A parameter after the type, or at the beginning where a service leaves the type out. */
const PARAMETER = /(?:^|;)\s*([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/g;
/** RFC 8187: a character set, a language, and the text in percent-encoding. */
const EXTENDED = /^([\w-]+)'[\w-]*'(.*)$/s;
const NOT_ASCII = /[\u0080-\uffff]/;

/**
 * The file name that a Content-Disposition gives (RFC 6266), as a person would read it: `filename*` before `filename`.
 * It may be any text; see `safeName`.
 *
 * @param header its bytes as characters, as Node has them.
 */
export function fileNameIn(header: string): string | undefined {
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, token] of header.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replaceAll(/\\(.)/gs, '$1') ?? token ?? '');
  }
  const extended = decodedExtended(parameters.get('filename*') ?? '');
  if (extended !== undefined) return extended;
  const plain = parameters.get('filename');
  return plain === undefined ? undefined : asUtf8(plain);
}

/** `undefined` for what RFC 8187 does not allow: then the plain name counts. */
function decodedExtended(value: string): string | undefined {
  const [, charset = '', text = ''] = EXTENDED.exec(value) ?? [];
  const bytes = text.replaceAll(/%([\da-f]{2})/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (text === '' || NOT_ASCII.test(text) || /%(?![\da-f]{2})/i.test(text)) return undefined;
  if (/^iso-8859-1$/i.test(charset)) return bytes;
  return /^utf-8$/i.test(charset) ? decodedUtf8(bytes) : undefined;
}

/** Many services send the bytes of UTF-8 where only ASCII is allowed. */
const asUtf8 = (text: string): string => (NOT_ASCII.test(text) ? (decodedUtf8(text) ?? text) : text);

function decodedUtf8(bytes: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}
