/**
 * What an error says, for a sentence about it: its message, or where that is empty, as for a host with several addresses of
 * which none could be reached, the messages or the code of its causes. Never empty.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error) || 'unknown reason';
  const { message, cause, name } = error;
  if (message.trim() !== '') return message;
  const { code } = error as NodeJS.ErrnoException;
  const inner = error instanceof AggregateError ? error.errors : cause === undefined ? [] : [cause];
  const reasons = [...new Set(inner.map(errorText))].join(', ');
  return reasons || code || name;
}
