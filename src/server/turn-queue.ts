/** Tasks that take turns: one in each turn of the event loop, in the order they came, with what else came in between. */
export interface TurnQueue {
  run(task: () => void): void
  /** How many wait. */
  size(): number
}

/** Its users bound how many tasks may wait. */
export function createTurnQueue(): TurnQueue {
  const waiting = new Set<() => void>()

  function next(): void {
    const [task] = waiting
    if (!task) return
    waiting.delete(task)
    if (waiting.size > 0) setImmediate(next)
    task()
  }

  return {
    run(task) {
      waiting.add(task)
      if (waiting.size === 1) setImmediate(next)
    },
    size: () => waiting.size,
  }
}
