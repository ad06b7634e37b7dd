import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { execute, openRawSocket } from '../../support/graphql.ts'
import { startInstance } from '../../support/instance.ts'
import { nextAddress } from '../../support/load.ts'
import { measureMemory } from '../../support/memory.ts'
import { makeMigratedDataDir } from '../../support/migrated-data-dir.ts'
import { connectedClients } from '../../support/sockets.ts'
import { createTestBed } from '../../support/topology.ts'

const RUN_AUCTION = `mutation ($supplyId: ID!, $ip: IPAddress!) {
  runAuction(input: { supplyId: $supplyId, ip: $ip, country: "US" }) { __typename }
}`
/** Answered with its supply's id: a small operation with as large an answer as the test wants. */
const ECHO = `mutation ($supplyId: ID!) {
  runAuction(input: { supplyId: $supplyId, ip: "192.0.2.1", country: "US" }) { ... on SupplyNotFoundError { supplyId } }
}`
const ANSWER_BYTES = 40_000
/** As documented. */
const MAX_UNREAD_BYTES = 1024 * 1024
const TO_ALL = 'subscription { statsUpdated { supplyId totalRequests } }'

describe('a WebSocket client that asks for much and reads nothing', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  it('should be cut off before it costs the process much more than the documented buffer', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'auction-slow-client-'))
    await bed.own({ dispose: () => rm(directory, { recursive: true, force: true }) })
    await makeMigratedDataDir(directory)
    const inspectorPort = await freePort()
    const env = { DATA_DIR: directory, LOG_LEVEL: 'warn', NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}` }
    const instance = await bed.own(startInstance(env))
    const reader = await bed.own(openRawSocket(instance.graphqlUrl))
    reader.subscribe(TO_ALL)
    const { data: listed } = await execute<{ supplies: { nodes: { id: string }[] } }>(
      instance.graphqlUrl,
      '{ supplies { nodes { id } } }',
    )
    const supplyId = listed?.supplies.nodes[0]?.id
    await vi.waitFor(() => expect(reader.messages).toHaveLength(10))
    const before = await measureMemory(inspectorPort)

    const slow = await bed.own(openRawSocket(instance.graphqlUrl))
    slow.subscribe(TO_ALL)
    slow.socket.pause()
    // Several times what the operating system holds for both ends of a connection, and the buffer.
    const answers = Math.ceil((64 * 1024 * 1024 + MAX_UNREAD_BYTES) / ANSWER_BYTES)
    const payload = { query: ECHO, variables: { supplyId: 'x'.repeat(ANSWER_BYTES) } }
    for (let count = 0; count < answers; count += 1) {
      slow.socket.send(JSON.stringify({ id: `echo ${count}`, type: 'subscribe', payload }))
    }

    // Reading again too soon would save it: that it was cut off is seen at the instance.
    await vi.waitFor(() => expect(connectedClients(instance.port)).not.toContain(slow.localPort))
    slow.socket.resume()
    expect(await slow.closed).toBe(1006)
    expect(slow.messages.filter(({ type }) => type === 'next').length).toBeLessThan(answers)
    const after = await measureMemory(inspectorPort)
    expect(after.usedBytes - before.usedBytes).toBeLessThan(2 * MAX_UNREAD_BYTES)
    // Nobody else notices.
    await execute(instance.graphqlUrl, RUN_AUCTION, { supplyId, ip: nextAddress() })
    await vi.waitFor(() => expect(reader.messages).toHaveLength(11))
  })
})
