/** Draws a Grafana dashboard whose panels have their lines, as one HTML page without scripts. */
const COLOURS = [
  '#3b7dd8',
  '#d97a2b',
  '#3f9e5a',
  '#c0504d',
  '#8062b0',
  '#7a6a58',
  '#c864a8',
  '#6f7780',
  '#a8a13a',
  '#35a0b0',
];
const WIDTH = 480;
const HEIGHT = 150;
const LEGEND_LINES = 8;

const UNITS = {
  s: (value) => (value < 1 ? `${round(value * 1000)} ms` : `${round(value)} s`),
  bytes: (value) => `${round(value / 1_048_576)} MiB`,
  percentunit: (value) => `${round(value * 100)} %`,
  reqps: (value) => `${round(value)}/s`,
  ops: (value) => `${round(value)}/s`,
};

const round = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–');
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
export const valueText = (value, unit) => (value === undefined ? '–' : (UNITS[unit] ?? round)(value));

const CSS = `body{font:13px sans-serif;background:#f4f5f5;margin:12px;color:#222}
main{display:grid;grid-template-columns:repeat(24,1fr);gap:8px}
section{background:#fff;border:1px solid #ddd;padding:6px 8px;overflow:hidden}
h1{font-size:18px;margin:0 0 8px}h2{grid-column:1/-1;font-size:15px;margin:8px 0 0}
h3{font-size:13px;margin:0 0 4px}svg{width:100%;height:150px}ul{margin:2px 0 0;padding:0;list-style:none;font-size:11px}
b{display:block;font-size:26px;text-align:center;padding:4px}i{display:inline-block;width:9px;height:9px;margin-right:4px}`;

export const pageOf = ({ title, panels }) => `<!doctype html><meta charset="utf-8"><title>${title}</title>
<style>${CSS}</style><h1>${title}</h1><main>${panels.map(panelOf).join('\n')}</main>`;

function panelOf({ type, title, gridPos, fieldConfig, lines }) {
  if (type === 'row') return `<h2>${escaped(title)}</h2>`;
  const { unit } = fieldConfig.defaults;
  const series = lines.flatMap((line) => line.series);
  const body = type === 'stat' ? statOf(series, unit) : chartOf(series, unit);
  return `<section style="grid-column:span ${gridPos.w}"><h3>${escaped(title)}</h3>${body}</section>`;
}

const statOf = (series, unit) => `<b>${valueText(series[0]?.points.at(-1)?.[1], unit)}</b>`;

function chartOf(series, unit) {
  const points = series.flatMap((line) => line.points).filter(([, value]) => Number.isFinite(value));
  const first = Math.min(0, ...points.map(([time]) => time));
  const most = Math.max(...points.map(([, value]) => value), 1e-9);
  const x = (time) => ((time - first) / (-first || 1)) * WIDTH;
  const y = (value) => HEIGHT - 4 - (value / most) * (HEIGHT - 18);
  const lines = series.map(({ points: own }, index) => {
    const path = own
      .filter(([, value]) => Number.isFinite(value))
      .map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline fill="none" stroke-width="1.5" stroke="${colourOf(index)}" points="${path.join(' ')}"/>`;
  });
  const scale =
    points.length > 0
      ? `<text x="2" y="11" font-size="11" fill="#888">${valueText(most, unit)}</text>`
      : `<text x="200" y="80" fill="#888">no data</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${lines.join('')}${scale}</svg>${legendOf(series, unit)}`;
}

function legendOf(series, unit) {
  const lines = series
    .map(({ name, points }, index) => ({ name, latest: points.at(-1)?.[1], colour: colourOf(index) }))
    .slice(0, LEGEND_LINES)
    .map(
      ({ name, latest, colour }) =>
        `<li><i style="background:${colour}"></i>${escaped(name)}: ${valueText(latest, unit)}</li>`,
    );
  const more = series.length > LEGEND_LINES ? `<li>and ${series.length - LEGEND_LINES} more</li>` : '';
  return `<ul>${lines.join('')}${more}</ul>`;
}

const colourOf = (index) => COLOURS[index % COLOURS.length];
