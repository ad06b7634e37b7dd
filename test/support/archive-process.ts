/**
 * Archives a database's due days, and kills itself before its nth step: a query, or whatever changes the folder.
 * Arguments: the database's URL, the folder, n.
 */
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import pg from 'pg'
import { archiveDueDays } from '../../src/history/archive/archive.ts'

const [connectionString = '', directory = '', killAt = ''] = process.argv.slice(2)
let steps = 0

function killBefore(owner: object, method: string): void {
  const original = Reflect.get(owner, method)
  Reflect.set(owner, method, function (this: unknown, ...args: unknown[]) {
    steps += 1
    if (steps === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    return original.apply(this, args)
  })
}

const handle = await fs.open(process.execPath)
for (const method of ['write', 'writeFile', 'sync']) killBefore(Object.getPrototypeOf(handle), method)
await handle.close()
for (const method of ['mkdir', 'open', 'rename', 'rm']) killBefore(fs, method)
syncBuiltinESMExports()
killBefore(pg.Client.prototype, 'query')

for await (const step of archiveDueDays({
  connectionString,
  embedded: false,
  directory,
  warmDays: 90,
  coldDays: 2555,
  nowMs: Date.now(),
})) {
  console.log(JSON.stringify(step))
}
