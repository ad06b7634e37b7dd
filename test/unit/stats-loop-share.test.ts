import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createLoopShare, type LoopShare } from '../../src/stats/loop-share.ts'

const RUNS = 60

let share: LoopShare
afterEach(() => share.dispose())

/** Takes some of the processor's time. */
function work(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('a share of the event loop', () => {
  it('should leave the rest to others, counting what follows from a task', async () => {
    share = createLoopShare(0.3)
    let usedMs = 0
    let runs = 0
    let endedAtMs = 0
    // It begins anew as soon as it is done, as a subscriber with ever new values does; its work is in what follows.
    const task = () => {
      // Each run but this one has been made up for, however long the machine kept it.
      if (runs === RUNS) endedAtMs = performance.now()
      if (endedAtMs > 0) return
      runs++
      void Promise.resolve()
        .then(() => {})
        .then(() => {
          const startedAtMs = performance.now()
          work(1)
          usedMs += performance.now() - startedAtMs
          share.run(task)
        })
    }
    const startedAtMs = performance.now()
    let heldBackMs = 0
    share.run(task)
    while (endedAtMs === 0) {
      heldBackMs = Math.max(heldBackMs, share.heldBackMs())
      await delay(1)
    }
    expect(usedMs / (endedAtMs - startedAtMs)).toBeLessThan(0.35)
    expect(heldBackMs).toBeGreaterThan(100)
  })

  it('should not keep the loop longer than some milliseconds at a time', async () => {
    share = createLoopShare(1)
    let done = 0
    for (let index = 0; index < 30; index++) {
      share.run(() => {
        work(1)
        done++
      })
    }
    const doneByTurn: number[] = []
    while (done < 30) {
      const before = done
      await nextTurn()
      doneByTurn.push(done - before)
    }
    expect(Math.max(...doneByTurn)).toBeLessThanOrEqual(4)
  })

  it('should run each task once for all times it was asked for, in their order, and then hold nothing back', async () => {
    share = createLoopShare(0.3)
    const ran: string[] = []
    const [a, b] = ['a', 'b'].map((name) => () => void ran.push(name)) as [() => void, () => void]
    for (const task of [a, b, a, a]) share.run(task)
    expect(ran).toEqual([])
    while (share.heldBackMs() > 0) await nextTurn()
    expect(ran).toEqual(['a', 'b'])
    share.run(a)
    share.dispose()
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(ran).toEqual(['a', 'b'])
  })
})
