const definition = (
  name: string,
  title: string,
  properties: string,
  code: string,
): string => `document: { dsl: '1.0.0', namespace: tests, name: ${name}, version: '1.0.0', title: ${title}, metadata: { labels: [local] } }
input: { schema: { document: { type: object, additionalProperties: false, properties: { ${properties} } } } }
do:
  - step:
      run:
        script:
          language: js
          code: |
${code.trim().replaceAll(/^/gm, ' '.repeat(12))}
`;

/** Writes a line ten times a second until it is cancelled. */
const TALKER = `
let number = 0;
setInterval(() => console.log('written line', ++number), 100);
`;

/** What a hostile task would leave: each output tries to be active, or to be too much. */
const OUTPUTS: Readonly<Record<string, string>> = {
  'evil.md': `# A report
<script>window.pwned = 1</script><img src="x" onerror="window.pwned = 2">
<form action="/api/v1/session" method="post"><input name="key"><button>Sign in</button></form>
<p style="position:fixed;inset:0" onclick="window.pwned = 3">text</p><iframe src="/console"></iframe><svg onload="window.pwned = 4"></svg>

[a link](javascript:window.pwned=5) and [another](https://remote.example.com/)

![a picture](https://remote.example.com/pixel.png)

<table background="https://remote.example.com/background.png"><tr><td>cell</td></tr></table>
`,
  'evil.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="top.pwned = 6"><script>top.pwned = 7; fetch('https://remote.example.com/')</script><image href="https://remote.example.com/in.png" width="40" height="40"/><rect width="40" height="40"/></svg>`,
  'page.html': `<script>document.title = "pwned"</script>`,
  'table.csv': `name,remark\n"a, b","said ""yes"""\n"two\nlines",3\n`,
  'table.tsv': `name\tremark\nx, y\t<b>z</b>\n`,
  'tree.json': JSON.stringify({ text: '<img src=x onerror=alert(1)>', list: [1, null, { deep: true }] }),
};
const HOSTILE = `
import { writeFileSync } from 'node:fs';
const write = (name, text) => writeFileSync(process.env.CYBERUN_OUTPUT_DIR + '/' + name, text);
for (const [name, text] of Object.entries(JSON.parse(${JSON.stringify(JSON.stringify(OUTPUTS))}))) write(name, text);
write('long.csv', 'number\\n' + Array.from({ length: 300 }, (_, index) => index).join('\\n'));
write('deep.json', '['.repeat(20000) + ']'.repeat(20000));
write('large.txt', 'x'.repeat(3_000_000));
`;

/** Workflows of the tests by name, as files of definitions. */
export const TEST_WORKFLOWS: Readonly<Record<string, string>> = {
  talker: definition('talker', 'Talker', 'word: { type: string, default: line }', TALKER),
  hostile: definition('hostile', 'Hostile', '', HOSTILE),
};
