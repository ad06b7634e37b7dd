import type { Logger } from '../log.ts'

/**
 * Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. Started by npm or npx, the process is a
 * shell's child, and their SIGTERM ends that shell alone: then its end is the signal.
 * @param when what is waited for
 */
export function stopSignal(log: Logger, when: string): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1)
        log.info(`${signal}: stopping, ${when}`)
        resolve()
      })
    }
    if (process.env.npm_command === undefined) return
    const parent = process.ppid
    const timer = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(timer)
      log.info(`npm has ended: stopping, ${when}`)
      resolve()
    }, PARENT_POLL_MS).unref()
  })
}

/** How often it is looked whether npm is still there, in milliseconds. */
const PARENT_POLL_MS = 250
