/**
 * A cache of at most twice `size` entries that keeps what is used: it fills one generation, then starts another, and
 * an entry of the older one moves over when it is asked for. Costs one look-up where the entry is in use.
 */
export interface BoundedCache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
}

export function createBoundedCache<V>(size: number): BoundedCache<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()

  function set(key: string, value: V): void {
    if (young.size >= size) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
    set,
  }
}
