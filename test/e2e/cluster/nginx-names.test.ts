import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { startNameServer } from '../../support/name-server.ts'
import { startNginx } from '../../support/nginx.ts'
import { nginxFollowsNames } from '../../support/services.ts'
import { createTestBed } from '../../support/topology.ts'

const BEFORE = '127.0.0.2'
const AFTER = '127.0.0.3'

describe.runIf(nginxFollowsNames)('nginx, as docker-compose.yml has it', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  it('should start before any instance has a name, and follow one to its newest address, also without the other', async () => {
    const names = await bed.own(startNameServer())
    const port = await freePort()
    for (const address of [BEFORE, AFTER]) await bed.own(startInstance(address, port))
    const upstreams = [`app1:${port}`, `app2:${port}`] as const
    const { url } = await bed.own(startNginx({ upstreams, resolver: `127.0.0.1:${names.port}` }))
    const answered = async () => {
      const response = await fetch(url)
      return response.ok ? await response.text() : response.status
    }
    const soon = { interval: 50 }

    expect(await answered()).toBe(502)
    names.set('app1', BEFORE)
    await expect.poll(answered, soon).toBe(BEFORE)
    names.set('app1', AFTER)
    await expect.poll(answered, soon).toBe(AFTER)
  })
})

/** Answers every request with its own address. */
async function startInstance(address: string, port: number): Promise<{ dispose(): Promise<void> }> {
  const server = createServer((_request, response) => response.end(address)).listen(port, address)
  await once(server, 'listening')
  return {
    dispose: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
