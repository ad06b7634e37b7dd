import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** Tests that take minutes: `npm run test:chaos`. One after the other, for they need the machine to themselves. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ['test/chaos/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 240_000,
  },
})
