import { join } from 'node:path';

import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';

const root = import.meta.dirname;

/** The pages for browsers. Each is an HTML file in this folder; what they share is built once. */
export default defineConfig({
  root,
  // Paths relative to the page, so that it may be served below any path.
  base: './',
  plugins: [tailwindcss()],
  resolve: {
    alias: {
      'react/jsx-runtime': 'preact/jsx-runtime',
      'react-dom': 'preact/compat',
      react: 'preact/compat',
    },
  },
  build: {
    outDir: join(root, '..', 'dist', 'web'),
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the pages allows no inline script, also none that preloads.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: { console: join(root, 'console.html') } },
  },
});
