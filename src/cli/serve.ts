import { setFlagsFromString } from 'node:v8'
import { defineCommand } from 'citty'
import { parseConfig } from '../config.ts'
import { newInstance } from '../instance.ts'
import { createLog } from '../log.ts'
import { mistypedVariables } from '../mistyped-variables.ts'
import { checkFiles } from './check-files.ts'
import { runCommand } from './command-error.ts'
import { stopSignal } from './stop-signal.ts'

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Serve the GraphQL API until Ctrl-C. Environment variables configure it.' },
  run: () =>
    runCommand(async () => {
      keepRequestsYoung()
      const config = parseConfig(process.env)
      await checkFiles(config)
      const instance = newInstance()
      const log = createLog(config.logLevel, instance)
      for (const line of mistypedVariables(process.env)) log.warn(line)
      const stopped = stopSignal(log, 'once what is in flight is answered')
      // The whole service: help, and settings and files that are refused, do without.
      const [{ createApp }, { announce }] = await Promise.all([
        import('../composition/app.ts'),
        import('./announce.ts'),
      ])
      const app = await createApp(config, { env: process.env, instance, log })
      announce(app, config, log)
      await stopped
      const { lostCounts, unlogged } = await app.dispose()
      if (lostCounts + unlogged > 0) process.exitCode = 1
      log.flush()
      // Auctions that the shutdown had to leave would keep the process until they end.
      setTimeout(() => process.exit(), EXIT_DELAY_MS).unref()
    }),
})

/**
 * V8 makes in the old generation what it has often seen to survive a collection of the young one. An auction lives for some
 * 100 ms and is garbage then, but whatever of it is old holds all of its request until the next full collection: after a
 * peak, young collections took 17 ms instead of 5.
 */
function keepRequestsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/** How long the last lines of the log may take to be written, in milliseconds. */
const EXIT_DELAY_MS = 100
