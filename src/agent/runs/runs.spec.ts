import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { expect, it } from 'vitest';

import { run, script, serve, shell } from '../../../test/support/executed-run.js';
import type { RunStep } from '../../contract/index.js';
import { cleanEnvironment } from '../processes/process-groups.js';
import { progressOf, ProgressThrottle } from './progress.js';
import { resolve, resolveTexts } from './references.js';

const hasPython = spawnSync('python3', ['--version'], { env: cleanEnvironment('/tmp', '/tmp') }).status === 0;

it('a process step gets parameters as arguments, variables and JSON, never as shell code', async () => {
  const { outcome } = run(
    [
      shell(
        `printf '{"first":"%s","variable":"%s","own":"%s","file":%s}' "$1" "$CYBERUN_PARAM_MY_TEXT" "$OWN" "$(cat "$CYBERUN_PARAMETERS")" > "$CYBERUN_OUTPUT_DIR/result.json"`,
        ['${ .my_text }'],
        { OWN: '${ .deep.inner }' },
      ),
    ],
    { parameters: { my_text: '$(id); `id`; x', deep: { inner: 7 } } },
  );
  expect((await outcome).output).toEqual({
    first: '$(id); `id`; x',
    variable: '$(id); `id`; x',
    own: '7',
    file: { my_text: '$(id); `id`; x', deep: { inner: 7 } },
  });
});

it('a script step runs JavaScript on the Node of the agent, with its folder as cwd', async () => {
  const { outcome } = run(
    [
      script(
        `import { writeFileSync } from 'node:fs';
         writeFileSync('output/result.json', JSON.stringify([process.version, process.argv[2], process.cwd() === process.env.HOME]));`,
        ['${ .n }'],
      ),
    ],
    { parameters: { n: 5 } },
  );
  expect((await outcome).output).toEqual([process.version, '5', true]);
});

it.runIf(hasPython)(
  'a process step runs Python on the python3 of the agent, whose progress arrives while it runs',
  async () => {
    const { outcome, stop, reports } = run(
      [
        {
          ...script(
            `import sys, time
print("::progress value=0.5::" + sys.argv[1])
time.sleep(600)`,
            ['${ .n }'],
          ),
          language: 'python',
        } as RunStep,
      ],
      { parameters: { n: 5 } },
    );
    while (reports.length === 0) await new Promise(setImmediate);
    stop.abort(new Error('seen'));
    await expect(outcome).rejects.toThrow('seen');
    expect(reports[0]).toMatchObject({ progress: 0.5, message: '5' });
  },
);

it('a shell step ends at the first command that fails', async () => {
  await expect(run([shell('false\necho 1 > output/result.json')]).outcome).rejects.toThrow('exit code 1');
  const { outcome } = run([shell('false || true\necho 1 > output/result.json')]);
  expect((await outcome).output).toBe(1);
});

it('a shell step finds the node of the agent by name', async () => {
  const { outcome } = run([shell('node -p "JSON.stringify(process.version)" > output/result.json')]);
  expect((await outcome).output).toBe(process.version);
});

it('a process step reports progress and keeps the last lines for the error', async () => {
  const { outcome, reports } = run([
    shell(
      'echo "::progress value=0.35,step=7,total=20::half way"; for i in $(seq 50); do echo line $i; done; echo bad >&2; exit 4',
    ),
  ]);
  await expect(outcome).rejects.toThrow(
    /^bad\nStep work ended with exit code 4\.\nThe end of its stdout:\n(line \d+\n){9}line 50$/,
  );
  expect(reports).toEqual([
    { progress: 0.35, current_node: 'work', step_current: 7, step_total: 20, message: 'half way' },
  ]);
});

it('steps run in the same folder, and the first failure ends the run', async () => {
  await expect(run([shell('echo 1 > a'), shell('cp a output/result.json')]).outcome).resolves.toMatchObject({
    output: 1,
  });
  await expect(run([shell('exit 1'), shell('sleep 60')]).outcome).rejects.toThrow('exit code 1');
});

it('an aborted run ends at once with the reason, and leaves no folder', async () => {
  const { outcome, stop, workDir, reports } = run([
    shell('echo "::progress value=0::"; sleep 600 & sleep 600'),
  ]);
  while (reports.length === 0) await new Promise(setImmediate);
  stop.abort(new Error('enough'));
  await expect(outcome).rejects.toThrow('enough');
  expect(readdirSync(join(workDir, 'runs'))).toEqual([]);
  expect(readdirSync(join(workDir, 'processes'))).toEqual([]);
});

it('files are passed as paths and uploaded whole with their length', async () => {
  const big = Buffer.alloc(5_000_000, 'x');
  const stored = new Map<string, { headers: object; size: number }>();
  const store = await serve((request, response) => {
    if (request.method === 'GET') response.end(big);
    else
      void buffer(request).then((bytes) => {
        stored.set(request.url ?? '', { headers: request.headers, size: bytes.length });
        response.end();
      });
  });
  const { outcome } = run(
    [
      shell(
        'cp "$1" output/copy.bin; cp "$CYBERUN_PARAM_PICTURE" output/b.png; : > output/empty.txt; mkdir output/sub',
        ['${ .picture }'],
      ),
    ],
    {
      parameters: { picture: 'inputs/key' },
      files: [{ parameter: 'picture', file_name: '../../evil name.png', url: `${store}/in` }],
    },
    store,
  );
  const files = [
    { name: 'b.png', size: big.length, content_type: 'image/png' },
    { name: 'copy.bin', size: big.length, content_type: 'application/octet-stream' },
    { name: 'empty.txt', size: 0, content_type: 'text/plain' },
  ];
  await expect(outcome).resolves.toEqual({
    files,
    output: { files, exit_code: 0 },
    warnings: [
      'Folder "sub" in output/ is not kept: only files directly in output/ are. Pack it into an archive there.',
    ],
  });
  expect(stored.get('/copy.bin')).toMatchObject({
    size: big.length,
    headers: { 'content-length': String(big.length), 'if-none-match': '*' },
  });
  expect(stored.get('/empty.txt')).toMatchObject({ size: 0, headers: { 'content-length': '0' } });
});

it('large files arrive whole from a store that closes the connection after them', async () => {
  const big = Buffer.alloc(20_000_000, 'x');
  const store = await serve((_request, response) => {
    response.writeHead(200, { connection: 'close', 'content-length': big.length }).end(big);
  });
  const files = [{ parameter: 'big', file_name: 'big.bin', url: `${store}/in` }];
  const { outcome } = run([shell('wc -c < "$CYBERUN_PARAM_BIG" > output/result.json')], { files });
  expect((await outcome).output).toBe(big.length);
});

it('transfers are retried, and a 412 on a retry is a success', async () => {
  const answers = [500, 412];
  const store = await serve((request, response) => {
    request.resume().on('end', () => response.writeHead(answers.shift() ?? 500).end());
  });
  await expect(run([shell('echo x > output/a.txt')], {}, store).outcome).resolves.toBeDefined();
});

it('a missing input file fails the run with a sentence', async () => {
  const store = await serve((_request, response) => void response.writeHead(404).end());
  const files = [{ parameter: 'picture', file_name: 'a.png', url: `${store}/in` }];
  await expect(run([shell('true')], { files }).outcome).rejects.toThrow(
    'The file of parameter picture cannot be fetched: the file store answered 404.',
  );
});

it('references are whole values, and only own properties are found', () => {
  expect(resolve({ a: ['${ .x }', 'x ${ .x }'] }, { x: 1 })).toEqual({ a: [1, 'x ${ .x }'] });
  expect(resolve('${ .x.constructor }', { x: {} })).toBeUndefined();
  expect(resolveTexts({ a: '${ .no }', b: '${ .o }' }, { o: { p: 1 } })).toEqual({ b: '{"p":1}' });
});

it.each([
  ['::progress value=2::', { progress: 1 }],
  ['::progress step=1,total=4::a: b', { progress: 0.25, step_current: 1, step_total: 4, message: 'a: b' }],
  ['::progress value=x::', undefined],
  ['progress value=1', undefined],
  ['::progress value=1', undefined],
  ['::progress value=1:x', undefined],
  [`::progress${' '.repeat(4000)}`, undefined],
  [`::progress${' '.repeat(4000)}value=0.5::x`, { progress: 0.5, message: 'x' }],
])('a progress line is parsed: %s', (line, expected) => {
  expect(progressOf(line, 's')).toEqual(expected && { current_node: 's', ...expected });
});

it('progress is rate-limited, and the last report always arrives', () => {
  const passed: number[] = [];
  const throttle = new ProgressThrottle(({ progress }) => passed.push(progress));
  for (let step = 1; step <= 1000; step += 1) throttle.add({ progress: step / 1000 });
  throttle.flush();
  expect(passed.length).toBeLessThan(120);
  expect(passed.at(-1)).toBe(1);
});
