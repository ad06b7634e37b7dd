import { defineConfig } from 'vitest/config'
import { PATIENCE_MS } from './test/support/patience.ts'

export default defineConfig({
  // Vite would take the file that graphql names for bundlers, a second copy beside the one that other packages get.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    globalSetup: ['test/support/build.ts', 'test/support/left-out.ts'],
    include: ['test/{unit,integration,e2e}/**/*.test.ts'],
    // One less than there are processors by default: one of two, though most files wait for processes that they started.
    maxWorkers: '100%',
    setupFiles: ['test/support/wait-patiently.ts'],
    expect: { poll: { timeout: PATIENCE_MS } },
    // What hangs is ended, and what is slow on a machine that does other things is not.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
