/** Whether a media type, parameters aside, is one of a range such as `image/png`, `image/*` or `*` + `/*`. */
export function isWithinRange(contentType: string, range: string): boolean {
  const [type, subtype] = essence(contentType);
  const [wantedType, wantedSubtype] = essence(range);
  return (wantedType === '*' || wantedType === type) && (wantedSubtype === '*' || wantedSubtype === subtype);
}

/** Type and subtype; both are written in any case. */
function essence(contentType: string): readonly [string, string] {
  const [name = ''] = contentType.toLowerCase().split(';');
  const [type = '', subtype = ''] = name.trim().split('/');
  return [type, subtype];
}
