import { vi } from 'vitest'
import { PATIENCE_MS } from './patience.ts'

/** A vitest setup file: the configuration can say how long `expect.poll` waits, but not how long `vi.waitFor` does. */
const { waitFor } = vi
vi.waitFor = (callback, options) =>
  waitFor(callback, {
    timeout: PATIENCE_MS,
    ...(typeof options === 'number' ? { timeout: options } : options),
  })
