import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], test: object = {}) => ({
  test: { name, include, setupFiles: ['test/support/setup.ts'], ...test },
});

const seconds = (test: number, hook: number) => ({ testTimeout: test * 1000, hookTimeout: hook * 1000 });
const resultsFile = process.env['RESULTS_FILE'];

export default defineConfig({
  test: {
    reporters: resultsFile ? ['default', ['json', { outputFile: resultsFile }]] : ['default'],
    projects: [
      project('unit', ['src/**/*.spec.ts']),
      project('contract', ['test/contract/**/*.spec.ts'], seconds(30, 60)),
      project('e2e', ['test/e2e/**/*.e2e-spec.ts'], seconds(30, 60)),
      project('faults', ['test/faults/**/*.e2e-spec.ts'], seconds(300, 60)),
      project('conformance', ['test/conformance/**/*.e2e-spec.ts'], seconds(60, 60)),
      project('chart', ['test/chart/**/*.spec.ts'], seconds(120, 120)),
      project('image', ['test/image/**/*.e2e-spec.ts'], seconds(600, 600)),
    ],
  },
});
