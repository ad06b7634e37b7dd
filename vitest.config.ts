import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Vite would take the file that graphql names for bundlers, a second copy beside the one that other packages get.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    globalSetup: ['test/support/build.ts', 'test/support/left-out.ts'],
    include: ['test/{unit,integration,e2e}/**/*.test.ts'],
    // One less than there are processors by default: one of two, though most files wait for processes that they started.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
