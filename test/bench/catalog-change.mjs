import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand, temporaryFolder } from './server.mjs'

const CHANGED_SUPPLIES = 100
const LOOK_EVERY_MS = 20
const LIVE_TIMEOUT_MS = 120_000

/**
 * Adds a hundred supplies by `auction load-data`, and waits until the service sells them.
 * @param {import('./types.ts').Server} server
 * @param {string} databaseUrl
 * @returns {Promise<number>} how long they took from the command's end to being sold, in milliseconds
 */
export async function timeOfChange(server, databaseUrl) {
  const folder = temporaryFolder()
  try {
    const file = join(folder.path, 'change.json')
    const ids = Array.from({ length: CHANGED_SUPPLIES }, (_, index) => `changed-${index}`)
    const data = {
      supplies: Object.fromEntries(ids.map((id) => [id, ['changed']])),
      bidders: { changed: { country: 'US' } },
    }
    writeFileSync(file, JSON.stringify(data))
    const wanted = (await suppliesSold(server)) + CHANGED_SUPPLIES
    await runCommand(['load-data', '--input', file], { DATABASE_URL: databaseUrl })
    const startedAt = performance.now()
    while ((await suppliesSold(server)) !== wanted) {
      if (performance.now() - startedAt > LIVE_TIMEOUT_MS)
        throw new Error(`${server.name} has not sold what was added.`)
      await sleep(LOOK_EVERY_MS)
    }
    return performance.now() - startedAt
  } finally {
    folder.remove()
  }
}

/** @param {import('./types.ts').Server} server */
async function suppliesSold(server) {
  const response = await fetch(new URL('/readyz', server.url))
  /** @type {any} */
  const health = await response.json()
  return health.dependencies.catalog.supplies
}
