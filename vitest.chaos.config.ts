import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What is right or wrong whatever else the machine does. */
const WITHOUT_FIGURES = ['test/chaos/archive.test.ts', 'test/chaos/auction-log.test.ts']
const { resolve = {}, test: { setupFiles = [], expect = {}, hookTimeout = 0 } = {} } = config
const COMMON = { setupFiles, expect, hookTimeout, testTimeout: 240_000 }

/**
 * Tests that take minutes: `npm run test:chaos`. Those that measure run one after the other, for they need the machine
 * to themselves; the rest before them, side by side.
 */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    projects: [
      {
        resolve,
        test: {
          ...COMMON,
          name: 'side by side',
          include: WITHOUT_FIGURES,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        test: {
          ...COMMON,
          name: 'one by one',
          include: ['test/chaos/**/*.test.ts'],
          exclude: WITHOUT_FIGURES,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
