import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { type EncodedResult, encodeInTurns } from '../../src/graphql/encode-in-turns.ts'
import { createPace, readInTurns } from '../../src/graphql/pace.ts'
import fc from '../support/fast-check.ts'

/** Takes some of the processor's time. */
function work(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** How often the event loop turns while something is done. */
async function turnsOf(done: Promise<unknown>): Promise<number> {
  let isDone = false
  let turns = 0
  void done.then(() => {
    isDone = true
  })
  while (!isDone) {
    await nextTurn()
    turns += 1
  }
  return turns
}

describe('a heavy operation', () => {
  it('should have its rows resolved in their order, a few in each turn of the event loop', async () => {
    const pace = createPace()
    const resolved: number[] = []
    const rows = Array.from({ length: 30 }, (_, row) =>
      pace.turn(row).then((value) => {
        work(1)
        resolved.push(value)
      }),
    )
    expect(await turnsOf(Promise.all(rows))).toBeGreaterThan(5)
    expect(resolved).toEqual(rows.map((_, row) => row))
    // A further one is not forgotten.
    expect(await pace.turn('later')).toBe('later')
  })

  it('should be encoded as JSON.stringify does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (data) => {
        const result = { data: { ...data, left: undefined, items: [undefined, { at: undefined }] } }
        const { stringify } = (await encodeInTurns(result)) as EncodedResult
        expect(stringify(result)).toBe(JSON.stringify(result))
        const errors = [{ message: 'not that one' }]
        expect(JSON.parse(stringify({ ...result, errors, extensions: { limit: 'local' } }))).toEqual(
          JSON.parse(JSON.stringify({ ...result, errors, extensions: { limit: 'local' } })),
        )
      }),
    )
  })

  it('should be encoded in several turns of the event loop', async () => {
    const slow = { toJSON: () => work(1) }
    expect(await turnsOf(encodeInTurns({ data: { rows: Array(30).fill(slow) } }))).toBeGreaterThan(5)
  })

  it('should read statistics in several turns, in the order named', async () => {
    const read = vi.fn(async (ids: readonly string[]) => ids.map(() => undefined))
    const ids = Array.from({ length: 250 }, (_, index) => `${index}`)
    const values = readInTurns({ read }, ids)
    expect(await turnsOf(values)).toBeGreaterThan(2)
    expect(await values).toHaveLength(250)
    expect(read.mock.calls.flatMap(([some]) => some)).toEqual(ids)
  })
})
