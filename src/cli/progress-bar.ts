import { SingleBar } from 'cli-progress'

/** A bar on standard error, gone when it is stopped; where that is no terminal, nothing. */
export interface ProgressBar {
  /** Shows it from the first call on. */
  update(done: number, total: number, values?: Readonly<Record<string, string | number>>): void
  stop(): void
}

/** @param format what is written, such as `{bar} {value}/{total}`, and values of the updates' own */
export function createProgressBar(format: string): ProgressBar {
  if (!process.stderr.isTTY) return { update() {}, stop() {} }
  // Leaves the cursor and the wrapping of lines alone, which a Ctrl-C would leave as they are.
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, linewrap: true })
  return {
    update(done, total, values) {
      if (bar.isActive) bar.update(done, values)
      else bar.start(total, done, values)
    },
    stop: () => bar.stop(),
  }
}
