#!/usr/bin/env node
import { readFileSync } from 'node:fs'

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

// citty decides on colours when it is imported, by the environment alone: say there where this is no terminal.
if (!process.stdout.isTTY) process.env.NO_COLOR = '1'
const { defineCommand, runMain, showUsage } = await import('citty')
const { strictCommand } = await import('./cli/strict-command.ts')

const main = defineCommand({
  meta: {
    name: 'auction',
    version: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
    description: "An ad exchange's auction service: a GraphQL API that sells impressions in real time.",
  },
  // Each command is imported when it is used, so that --help is quick.
  subCommands: {
    serve: () => import('./cli/serve.ts').then(({ serveCommand }) => strictCommand(serveCommand)),
    run: () => import('./cli/run.ts').then(({ runAuctionCommand }) => strictCommand(runAuctionCommand)),
    'load-data': () => import('./cli/load-data.ts').then(({ loadDataCommand }) => strictCommand(loadDataCommand)),
    'generate-input-json': () =>
      import('./cli/generate-input-json.ts').then(({ generateInputJsonCommand }) =>
        strictCommand(generateInputJsonCommand),
      ),
    'load-test': () => import('./cli/load-test.ts').then(({ loadTestCommand }) => strictCommand(loadTestCommand)),
    bidder: () => import('./cli/bidder.ts').then(({ bidderCommand }) => strictCommand(bidderCommand)),
    demo: () => import('./cli/demo.ts').then(({ demoCommand }) => strictCommand(demoCommand)),
    history: () => import('./cli/history.ts').then(({ historyCommand }) => strictCommand(historyCommand)),
    show: () => import('./cli/show.ts').then(({ showCommand }) => strictCommand(showCommand)),
    prepare: () => import('./cli/prepare.ts').then(({ prepareCommand }) => strictCommand(prepareCommand)),
    archive: () => import('./cli/archive.ts').then(({ archiveCommand }) => strictCommand(archiveCommand)),
    reconcile: () => import('./cli/reconcile.ts').then(({ reconcileCommand }) => strictCommand(reconcileCommand)),
    keys: () => import('./cli/keys.ts').then(({ keysCommand }) => strictCommand(keysCommand)),
    worker: () => import('./cli/worker.ts').then(({ workerCommand }) => strictCommand(workerCommand)),
    migrate: () => import('./cli/migrate.ts').then(({ migrateCommand }) => strictCommand(migrateCommand)),
  },
})

// citty names the command above alone, which of a command's own commands is not `auction`.
await runMain(main, {
  showUsage: async (command, parent) => {
    if (!parent || Object.is(parent, main)) return showUsage(command, parent)
    const meta = await (typeof parent.meta === 'function' ? parent.meta() : parent.meta)
    return showUsage(command, { ...parent, meta: { ...meta, name: `auction ${meta?.name}` } })
  },
})
