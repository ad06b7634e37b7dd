/** Tasks that take turns: some in each turn of the event loop, in the order they came, with what else came in between. */
export interface TurnQueue {
  /** @param task must not throw */
  run(task: () => void): void
  /** How many wait. */
  size(): number
}

/**
 * Its users bound how many tasks may wait.
 * @param atOnce how many run in one turn
 */
export function createTurnQueue(atOnce = 1): TurnQueue {
  const waiting = new Set<() => void>()

  function next(): void {
    const tasks: (() => void)[] = []
    for (const task of waiting) {
      if (tasks.length === atOnce) break
      tasks.push(task)
      waiting.delete(task)
    }
    if (waiting.size > 0) setImmediate(next)
    for (const task of tasks) task()
  }

  return {
    run(task) {
      waiting.add(task)
      if (waiting.size === 1) setImmediate(next)
    },
    size: () => waiting.size,
  }
}
