/** Longest name a folder takes in every usual file system, in bytes of UTF-8; some room is left for what is added. */
const NAME_BYTES = 200;
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[/\\\u0000-\u001f\u007f]/g;

/** A name that is one segment of a path, whatever was asked for; a name that is valid stays as it is. */
export function validFileName(wanted: string): string {
  let name = wanted.replaceAll(NOT_IN_A_NAME, '_').toWellFormed();
  // From the front: the end of a name says what it is.
  while (Buffer.byteLength(name) > NAME_BYTES) name = name.slice((name.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return name === '' || name === '.' || name === '..' ? '_' : name;
}
