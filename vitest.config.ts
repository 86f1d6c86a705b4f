import { defineConfig } from 'vitest/config';

/** Tests that boot real processes and servers share the machine, so each project says what it may take. */
const project = (name: string, include: string[], test: object = {}) => ({
  test: { name, include, setupFiles: ['test/support/setup.ts'], ...test },
});

const patient = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      project('unit', ['src/**/*.spec.ts']),
      project('contract', ['test/contract/**/*.spec.ts']),
      project('e2e', ['test/e2e/**/*.e2e-spec.ts'], patient),
      project('faults', ['test/faults/**/*.e2e-spec.ts'], { testTimeout: 300_000, hookTimeout: 60_000 }),
      project('chart', ['test/chart/**/*.spec.ts'], { testTimeout: 120_000, hookTimeout: 120_000 }),
      project('image', ['test/image/**/*.e2e-spec.ts'], { testTimeout: 600_000, hookTimeout: 600_000 }),
    ],
  },
});
