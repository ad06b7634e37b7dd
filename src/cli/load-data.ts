import { defineCommand } from 'citty'
import type { CatalogData } from '../catalog/data-file.ts'
import { LOAD_TIMEOUT_MS, type LoadCounts, loadCatalog, loadIntoEmpty } from '../catalog/load.ts'
import { readDataFile } from '../catalog/read-data-file.ts'
import { parseConfig } from '../config.ts'
import { openDatabase } from '../db/database.ts'
import { isDatabaseUnavailable, unreachable } from '../db/unavailable.ts'
import { runCommand } from './command-error.ts'
import { createProgressBar } from './progress-bar.ts'

export const loadDataCommand = defineCommand({
  meta: { name: 'load-data', description: 'Load a data file into the catalogue; running services have it 2 s later' },
  args: {
    input: { type: 'string', alias: 'i', valueHint: 'file', default: 'data.json', description: 'The file to load' },
    prune: { type: 'boolean', default: false, description: 'Also remove the supplies and bidders that the file lacks' },
    'if-empty': { type: 'boolean', default: false, description: 'Do nothing where the catalogue has supplies already' },
  },
  run: ({ args }) =>
    runCommand(async () => {
      const config = parseConfig(process.env)
      // The file comes first: one that is wrong leaves the database untouched, even unopened.
      const data = await readDataFile(args.input, { variables: process.env })
      const database = await openDatabase(config, { command: 'auction load-data', queryTimeoutMs: LOAD_TIMEOUT_MS })
      const progress = createProgressBar('Loading {bar} {value}/{total} supplies')
      try {
        const load = args['if-empty'] ? loadIntoEmpty : loadCatalog
        const { prisma, embedded, connectionString } = database
        const serverUrl = embedded ? undefined : connectionString
        const counts = await load({ prisma, data, prune: args.prune, embedded, serverUrl, onProgress: progress.update })
        progress.stop()
        if (counts === undefined) {
          process.stdout.write(`The catalogue has supplies already: ${args.input} was not loaded.\n`)
          return
        }
        process.stdout.write(`Loaded ${args.input}.\n${formatCounts(counts)}${leftoverHint(counts, data, args.input)}`)
      } catch (error) {
        throw isDatabaseUnavailable(error) ? unreachable(database.connectionString, error, database.embedded) : error
      } finally {
        progress.stop()
        await database.dispose()
      }
    }),
})

/** A table: what was added, updated, left as it was, and removed. */
function formatCounts({ supplies, bidders, links }: LoadCounts): string {
  const rows = [
    ['', 'added', 'updated', 'left', 'removed'],
    ['supplies', supplies.added, supplies.updated, supplies.left, supplies.removed],
    ['bidders', bidders.added, bidders.updated, bidders.left, bidders.removed],
    ['bidders of supplies', links.added, '-', links.left, links.removed],
  ]
  return rows.map(([name, ...cells]) => `${String(name).padEnd(19)}${cells.map(rightAligned).join('')}\n`).join('')
}

function rightAligned(cell: string | number): string {
  return String(cell).padStart(10)
}

/** What is in the catalogue and not in the file stays, unless pruned; say so, as people forget. */
function leftoverHint({ supplies, bidders }: LoadCounts, data: CatalogData, input: string): string {
  const moreSupplies = supplies.added + supplies.updated + supplies.left - data.supplies.size
  const moreBidders = bidders.added + bidders.updated + bidders.left - data.bidders.size
  if (moreSupplies + moreBidders === 0) return ''
  return `Left though not in ${input}: supplies: ${moreSupplies}, bidders: ${moreBidders}; --prune removes them.\n`
}
