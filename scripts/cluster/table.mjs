// What is printed at the end, as a table of Markdown.

/** One row per step: outcome, figures and seconds. */
export function tableOf(rows) {
  const titles = ['step', 'outcome', 'figures', 'seconds'];
  const cells = rows.map(({ name, isOk, figures, seconds }) => [
    name,
    isOk ? 'ok' : '**failed**',
    figures.replaceAll('|', '\\|').replaceAll('\n', ' ').trim(),
    String(Math.round(seconds)),
  ]);
  const line = (row) => `| ${row.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...cells.map(line)].join('\n');
}
