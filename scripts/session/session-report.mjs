const title = (text) => console.log(`\n## ${text}\n`);

/** The spans of a trace as a tree, by their parents. */
export function printTrace(spans) {
  title('Trace');
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const print = (span, depth) => {
    const milliseconds = `${(span.seconds * 1000).toFixed(1)} ms`;
    const error = span.attributes['error.type'] === undefined ? '' : `  ${span.attributes['error.type']}`;
    console.log(`${'  '.repeat(depth)}${span.name}  [${span.service}]  ${milliseconds}${error}`);
    for (const child of spans.filter(({ parentId }) => parentId === span.spanId)) print(child, depth + 1);
  };
  for (const root of spans.filter(({ parentId }) => !ids.has(parentId))) print(root, 0);
}

export function printAudit(lines) {
  title('Audit');
  console.log(lines.trim());
}

/** The lines of the log that belong to a task or a request. */
export function printLog(records) {
  title('Log, lines with ids');
  for (const { message, level, trace_id, request_id, task_id, credential_id, team_id } of records) {
    if (trace_id ?? request_id ?? task_id)
      console.log(JSON.stringify({ level, message, trace_id, request_id, task_id, credential_id, team_id }));
  }
}

/** What has changed between two pages of metrics, except for times, memory and the buckets of histograms. */
export function printMetricChanges(before, after) {
  title('Metrics, what has changed');
  const earlier = samplesIn(before);
  for (const [name, value] of samplesIn(after)) {
    const change = value - (earlier.get(name) ?? 0);
    if (change !== 0 && !IGNORED.test(name)) console.log(`${change > 0 ? '+' : ''}${change}  ${name}`);
  }
}

const IGNORED = /^(process_|nodejs_|v8js_|system_|otel_|target_info)|_(bucket|sum)(\{|$)/;

function samplesIn(page) {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
