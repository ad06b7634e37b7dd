/** Closes what was opened, the newest first, each once, whatever fails. */
export interface Disposer {
  add(close: () => unknown): void
  /** @throws the first error that a closing threw, after all were tried */
  dispose(): Promise<void>
}

export function createDisposer(): Disposer {
  const closings: (() => unknown)[] = []
  return {
    add: (close) => void closings.push(close),
    async dispose() {
      const errors: unknown[] = []
      for (let close = closings.pop(); close; close = closings.pop()) {
        try {
          await close()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw errors[0]
    },
  }
}
