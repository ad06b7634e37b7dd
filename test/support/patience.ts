/**
 * How long `vi.waitFor` and `expect.poll` wait where a test does not say how long, in milliseconds: vitest's own second is
 * soon over on a machine that does other things.
 */
export const PATIENCE_MS = 30_000
