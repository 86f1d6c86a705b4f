import { valueText } from './page.mjs';

const LONGEST_VALUES = 110;

/** Each panel with the highest value that each line had, or why it has no line. */
export function panelTable(panels) {
  const rows = panels.flatMap(({ type, title, fieldConfig, lines }) =>
    type === 'row' ? [['', `## ${title}`]] : rowsOf(title, lines, fieldConfig.defaults.unit),
  );
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows
    .map(([title, text]) =>
      title === '' && text.startsWith('## ') ? `\n${text}` : `${title.padEnd(width)}  ${text}`,
    )
    .join('\n');
}

const rowsOf = (title, lines, unit) =>
  lines.map((line, index) => [index === 0 ? title : '', textOf(line, unit)]);

function textOf({ legend, series, missing }, unit) {
  if (missing.length > 0) return `no data: ${legend}: no server reports ${missing.join(', ')}`;
  if (series.length === 0) return `no data: ${legend}: the metric is there; this has not happened`;
  const text = series.map(({ name, points }) => `${name} ${highest(points, unit)}`).join(', ');
  return text.length > LONGEST_VALUES ? `${text.slice(0, LONGEST_VALUES)}… (${series.length} lines)` : text;
}

function highest(points, unit) {
  const finite = points.map(([, value]) => value).filter(Number.isFinite);
  return valueText(finite.length > 0 ? Math.max(...finite) : undefined, unit);
}
