import { textTable } from '../../bench/report.mjs';

/** Prints all figures as text; `before` is there for `--ref`, `paths` unless `--static`. */
export function printMetrics({ now, before, paths }) {
  const all = before ? [before, now] : [now];
  const columns = ['', ...all.map((each) => each.ref ?? 'working tree')];
  console.log(textTable(columns, staticRows(all)));
  if (paths) printPaths(paths);
  printList('files under 20 lines', now.small);
  printList(
    'exported names declared twice',
    Object.entries(now.duplicates).map(([name, files]) => `${name}: ${files.join(', ')}`),
  );
  printList(
    'words of the list',
    Object.entries(now.words.byWord).map(([word, count]) => `${count} ${word}`),
  );
}

function staticRows(all) {
  const row = (label, of) => [label, ...all.map((each) => String(of(each)))];
  const areas = [...new Set(all.flatMap(({ areas: each }) => Object.keys(each)))].sort((a, b) =>
    a.localeCompare(b),
  );
  return [
    row('lines of src', ({ src }) => src.lines),
    row('lines of test, and of specs in src', ({ test }) => test.lines),
    row('files of src', ({ src }) => src.files),
    row('files of test, and specs in src', ({ test }) => test.files),
    ...areas.map((area) => row(`  files of src/${area}`, ({ areas: each }) => each[area] ?? 0)),
    row('files under 20 lines, no index or module', ({ small }) => small.length),
    row('lines of a file, p50 / p99 / max', ({ fileLines }) => inOneCell(fileLines)),
    row('lines of a function, p50 / p99 / max', ({ functionLines }) => inOneCell(functionLines)),
    row('exported names declared twice', ({ duplicates }) => Object.keys(duplicates).length),
    row('words of the list', ({ words }) => words.count),
    row('words of the list per 1,000 lines', ({ words }) => words.perThousandLines.toFixed(2)),
  ];
}

function printPaths(paths) {
  const columns = ['one get_task call', ...Object.keys(paths)];
  const row = (label, of) => [label, ...Object.values(paths).map((path) => String(of(path)))];
  const rooms = [
    ...new Set(Object.values(paths).flatMap(({ filesByRoom }) => Object.keys(filesByRoom))),
  ].sort();
  console.log(
    `\n${textTable(columns, [
      row('files of src/mcp that run', ({ files }) => files.length),
      row('functions of src/mcp that run', ({ functions }) => functions),
      ...rooms.map((room) =>
        row(`  files of src/mcp/${room}`, ({ filesByRoom }) => filesByRoom[room]?.length ?? 0),
      ),
      row('rooms entered twice', ({ enteredTwice }) => enteredTwice.join(', ') || 'none'),
    ])}`,
  );
  for (const [revision, { rooms: entered, way }] of Object.entries(paths)) {
    console.log(`\nrooms on the stack from the request to the tool, ${revision}: ${entered.join(' → ')}`);
    console.log(way.map((file) => `  ${file}`).join('\n'));
  }
}

const inOneCell = ({ p50, p99, max }) => `${p50} / ${p99} / ${max}`;
const printList = (title, lines) =>
  console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
