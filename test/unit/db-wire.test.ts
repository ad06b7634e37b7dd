import { describe, expect, it } from 'vitest'
import {
  encodeQuery,
  encodeStartup,
  encodeSync,
  endsIdle,
  MAX_REQUEST_BYTES,
  readRequests,
} from '../../src/db/embedded/wire.ts'
import fc from '../support/fast-check.ts'

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const CANCEL_REQUEST = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2])
const STARTUP = encodeStartup('postgres', 'postgres')
const TERMINATE = message('X')

function message(type: string, body = ''): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(4 + Buffer.byteLength(body), 1)
  return Buffer.concat([head, Buffer.from(body)])
}

async function read(...chunks: Uint8Array[]): Promise<unknown[]> {
  const requests: unknown[] = []
  async function* send() {
    yield* chunks
  }
  for await (const request of readRequests(send())) {
    requests.push(request.kind === 'messages' ? Buffer.from(request.bytes).toString('latin1') : request.kind)
  }
  return requests
}

describe('readRequests', () => {
  const parse = message('P', 'one\0select 1\0')
  const bytes = Buffer.concat([SSL_REQUEST, STARTUP, encodeQuery('select 1'), parse, encodeSync(), TERMINATE])
  const requests = [
    'encryption',
    'startup',
    Buffer.from(encodeQuery('select 1')).toString('latin1'),
    Buffer.concat([parse, encodeSync()]).toString('latin1'),
  ]

  it('should find the same requests wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
        const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const chunks = borders.slice(1).map((end, index) => bytes.subarray(borders[index], end))
        expect(await read(...chunks)).toEqual(requests)
      }),
    )
  })

  it('should end where a connection cancels a query', async () => {
    expect(await read(CANCEL_REQUEST, STARTUP)).toEqual([])
  })

  it('should leave out copy data that nobody has asked for', async () => {
    expect(await read(STARTUP, message('d', 'x'), message('c'))).toEqual(['startup'])
  })

  it.each([
    ['a message type that does not exist', message('!')],
    ['a message longer than allowed', Buffer.from([0x51, ...int32(MAX_REQUEST_BYTES)])],
    ['a message shorter than its own head', Buffer.from([0x51, ...int32(3)])],
    [
      'a copy from the client, which would block PGlite',
      encodeQuery('insert into t values (1); COPY t\nFROM STDIN csv'),
    ],
    ['the same, prepared', message('P', '\0copy t from stdin\0\0\0')],
  ])('should refuse %s', async (_what, bad) => {
    await expect(read(STARTUP, bad)).rejects.toThrow(expect.objectContaining({ name: 'ProtocolError' }))
  })

  it('should refuse another protocol version', async () => {
    await expect(read(Buffer.from([0, 0, 0, 8, 0, 2, 0, 0]))).rejects.toThrow('protocol version')
  })

  it('should let a text that mentions copying through', async () => {
    expect(await read(STARTUP, encodeQuery(`select 'to copy t from stdin'`))).toHaveLength(2)
  })
})

describe('endsIdle', () => {
  it('should tell a finished answer from one inside a transaction or without an end', () => {
    const answers = ['I', 'T', 'E'].map((status) => endsIdle(Buffer.concat([message('C', 'x'), message('Z', status)])))
    expect(answers).toEqual([true, false, false])
    expect(endsIdle(new Uint8Array())).toBe(false)
  })
})

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
