/** Longest file name in bytes of UTF-8; below the 255 of usual file systems, so that suffixes can be added. */
const NAME_BYTES = 200;
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[/\\\u0000-\u001f\u007f]/g;

/** Makes any text a valid file name, which is one segment of a path; a valid name stays unchanged. */
export function validFileName(wanted: string): string {
  let name = wanted.replaceAll(NOT_IN_A_NAME, '_').toWellFormed();
  // From the front, to keep the extension.
  while (Buffer.byteLength(name) > NAME_BYTES) name = name.slice((name.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return name === '' || name === '.' || name === '..' ? '_' : name;
}
