import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPersistedFile } from '../../src/server/persisted-file.ts'

const APOLLO = { format: 'apollo-persisted-query-manifest', version: 1 }

describe('a file of operations', () => {
  let folder: string
  let path: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auction-persisted-file-'))
    path = join(folder, 'operations.json')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each([
    ['Apollo’s manifest', { ...APOLLO, operations: [{ id: 'a1', name: 'A', type: 'query', body: '{ a }' }] }],
    ['texts by their ids', { a1: '{ a }' }],
  ])('should be read as %s', async (_name, content) => {
    await writeFile(path, JSON.stringify(content))
    expect([...(await readPersistedFile(path)).texts]).toEqual([['a1', '{ a }']])
  })

  it.each([
    ['', 'it is no JSON object'],
    ['{ a', 'it is no JSON object'],
    ['["{ a }"]', 'it is no JSON object'],
    ['{}', 'it lists no operation'],
    ['{"a1":{"body":"{ a }"}}', 'an entry of it ("a1") is not a text with an id'],
    ['{"":"{ a }"}', 'an entry of it ("") is not a text with an id'],
    [JSON.stringify({ ...APOLLO, operations: {} }), 'an entry of it ("operations") is not a text'],
    [JSON.stringify({ ...APOLLO, operations: [{ id: 'a1' }] }), 'an entry of it ("a1") is not a text'],
    [JSON.stringify({ ...APOLLO, operations: ['{ a }'] }), 'an entry of it ("{ a }") is not a text'],
    [
      JSON.stringify({
        ...APOLLO,
        operations: [
          { id: 'a1', body: '{ a }' },
          { id: 'a1', body: '{ b }' },
        ],
      }),
      'it has two texts of the id "a1"',
    ],
  ])('should be refused as %j, by a message that names it', async (content, problem) => {
    await writeFile(path, content)
    const reading = readPersistedFile(path)
    await expect(reading).rejects.toMatchObject({ code: 'PERSISTED_OPERATIONS_INVALID' })
    await expect(reading).rejects.toThrow(`PERSISTED_OPERATIONS_FILE=${path} cannot be used: ${problem}`)
  })

  it('should be named where it is not there', async () => {
    const missing = join(folder, 'missing.json')
    await expect(readPersistedFile(missing)).rejects.toThrow(
      `PERSISTED_OPERATIONS_FILE=${missing} cannot be used: it cannot be read`,
    )
  })
})
