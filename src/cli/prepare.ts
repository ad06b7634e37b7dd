import { defineCommand } from 'citty'
import { LOAD_TIMEOUT_MS } from '../catalog/load.ts'
import { giveFirstCatalog } from '../composition/first-catalog.ts'
import { parseConfig } from '../config.ts'
import { openDatabase, openPostgres } from '../db/database.ts'
import { migrateUp } from '../db/migrations.ts'
import { runCommand } from './command-error.ts'

export const prepareCommand = defineCommand({
  meta: {
    name: 'prepare',
    description: 'Make a database ready to serve: apply migrations, and give an empty one a generated catalogue',
  },
  run: () =>
    runCommand(async () => {
      const config = parseConfig(process.env)
      const options = { command: 'auction prepare', queryTimeoutMs: LOAD_TIMEOUT_MS }
      // Held until the end, so that an embedded database is opened once.
      const postgres = await openPostgres(config, options)
      try {
        const applied = await migrateUp(postgres)
        for (const name of applied) print(`Applied ${name}.`)
        if (applied.length === 0) print('The database is up to date.')
        const database = await openDatabase(config, options)
        try {
          const made = await giveFirstCatalog({ config, database })
          print(made === undefined ? 'The catalogue has supplies already.' : `There was no catalogue: ${made}.`)
        } finally {
          await database.dispose()
        }
      } finally {
        await postgres.dispose()
      }
    }),
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
