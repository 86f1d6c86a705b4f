// Builds `dist/web` from `web`, with each file compressed beside it, so that the server never compresses.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'dist', 'web');
const COMPRESSED = new Set(['.html', '.js', '.css', '.svg']);
/** Below it a packet more or less makes no difference. */
const SMALL_BYTES = 1024;

await build({ configFile: join(root, 'web', 'vite.config.ts'), logLevel: 'error' });

for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSED.has(extname(entry.name))) continue;
  const file = join(entry.parentPath, entry.name);
  const bytes = readFileSync(file);
  if (bytes.length < SMALL_BYTES) continue;
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: quality }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}
