import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What is right or wrong whatever else the machine does. The figures that some print are worth a look where run alone. */
const SIDE_BY_SIDE = ['archive', 'auction-log', 'dearest-operations'].map((name) => `test/chaos/${name}.test.ts`)
const { resolve = {} } = config
const TIMEOUTS = { testTimeout: 240_000, hookTimeout: 60_000 }

/**
 * Tests that take minutes: `npm run test:chaos`. Those that are held to what they measure run one after the other, for
 * they need the machine to themselves; the rest before them, side by side.
 */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    projects: [
      {
        resolve,
        test: {
          ...TIMEOUTS,
          name: 'side by side',
          include: SIDE_BY_SIDE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        test: {
          ...TIMEOUTS,
          name: 'one by one',
          include: ['test/chaos/**/*.test.ts'],
          exclude: SIDE_BY_SIDE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
