import type { StatsChanges } from './types.ts'

type Listener = (changed: readonly string[] | 'all') => void

/** Changes within this process. Listeners are called once per turn of the event loop, with every supply changed in it. */
export function createMemoryStatsChanges(): StatsChanges {
  const listeners = new Set<Listener>()
  const changed = new Set<string>()
  let scheduled: NodeJS.Immediate | undefined

  function tell(): void {
    scheduled = undefined
    const supplyIds = [...changed]
    changed.clear()
    for (const listener of [...listeners]) listener(supplyIds)
  }

  return {
    isLossy: false,
    publish: (supplyIds) => {
      if (listeners.size === 0) return
      for (const supplyId of supplyIds) changed.add(supplyId)
      if (changed.size > 0) scheduled ??= setImmediate(tell)
    },
    listen: (listener) => {
      // A wrapper, so that one function listening twice is two listeners.
      const own: Listener = (ids) => listener(ids)
      listeners.add(own)
      return () => void listeners.delete(own)
    },
    dispose: async () => {
      clearImmediate(scheduled)
      listeners.clear()
      changed.clear()
    },
  }
}
