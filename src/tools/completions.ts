/** Names that contain the typed text, in any case; those that begin with it come first. */
export function ranked(names: readonly string[], typed: string): string[] {
  const text = typed.trim().toLowerCase();
  const unique = [...new Set(names)];
  const placed = unique.map((name) => ({ name, at: name.toLowerCase().indexOf(text) }));
  return [...placed.filter(({ at }) => at === 0), ...placed.filter(({ at }) => at > 0)].map(
    ({ name }) => name,
  );
}

interface Page {
  readonly current_page: number;
  readonly per_page: number;
}

/** Whether a list goes on after this page; a deployment that does not page gives no total. */
export const goesOnAfter = ({ current_page, per_page }: Page, total: number | undefined): boolean =>
  total !== undefined && total > current_page * per_page;
