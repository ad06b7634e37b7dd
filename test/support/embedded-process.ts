/** See startEmbeddedProcess. */
import pg from 'pg'
import { codeOf, messageOf } from '../../src/db/database-error.ts'
import { openEmbedded } from '../../src/db/embedded/embedded.ts'

const [dataDir = '', command = '', task] = process.argv.slice(2)

try {
  const { connectionString, owner, dispose } = await openEmbedded({ dataDir, command })
  console.log(owner ? 'owner' : 'guest')
  let stopping = false
  process.stdin.on('end', () => {
    stopping = true
    if (task !== 'write') void dispose()
  })
  process.stdin.resume()
  if (task === 'write') {
    const client = new pg.Client({ connectionString })
    await client.connect()
    await client.query('CREATE TABLE IF NOT EXISTS written (id serial PRIMARY KEY, filler text)')
    while (!stopping) {
      const { rows } = await client.query(`INSERT INTO written (filler) VALUES (repeat('x', 2000)) RETURNING id`)
      console.log(rows[0].id)
    }
    await client.end()
    await dispose()
  }
} catch (error) {
  console.log(`error ${codeOf(error)} ${messageOf(error)}`)
}
