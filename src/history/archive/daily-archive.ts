import { setTimeout as delay } from 'node:timers/promises'
import { type ArchiveOptions, type ArchiveStep, archiveDueDays } from './archive.ts'

export interface DailyArchiveOptions extends Omit<ArchiveOptions, 'nowMs' | 'signal'> {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onStep: (step: ArchiveStep) => void
  /** Told why what is due is not archived; it is tried again. */
  readonly onError: (error: unknown) => void
  readonly intervalMs?: number
}

/** Archives what is due, at once and from then on: each hour it looks whether another day is. */
export function createDailyArchive(options: DailyArchiveOptions): { dispose(): Promise<void> } {
  const { now, onStep, onError, intervalMs = INTERVAL_MS, ...archiveOptions } = options
  const stop = new AbortController()
  const { signal } = stop

  async function archive(): Promise<void> {
    try {
      for await (const step of archiveDueDays({ ...archiveOptions, nowMs: now(), signal })) onStep(step)
    } catch (error) {
      if (!signal.aborted) onError(error)
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await archive()
      await delay(intervalMs, undefined, { signal }).catch(() => {})
    }
  }

  const running = run()
  return {
    /** Leaves a day that is under way where it is. */
    async dispose() {
      stop.abort()
      await running
    },
  }
}

const INTERVAL_MS = 3_600_000
