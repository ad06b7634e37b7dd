import { type AnswerStore, KEPT_MS } from './types.ts'

/** What the answers kept may come to in all, in bytes: beyond it the oldest are forgotten. */
export const KEPT_BYTES_MAX = 64 * 2 ** 20

export interface MemoryAnswers extends AnswerStore {
  /** How many answers are kept. */
  size(): number
}

/**
 * Answers in the memory of a service that is one process. Claims need no room: its requests of one name know of each other.
 * No timer: what has expired goes when a request with a key comes.
 * @param now a monotonic clock in milliseconds
 */
export function createMemoryAnswers({
  now = () => performance.now(),
  bytesMax = KEPT_BYTES_MAX,
}: {
  readonly now?: () => number
  readonly bytesMax?: number
} = {}): MemoryAnswers {
  /** The oldest first: all are kept for the same time. */
  const kept = new Map<string, Kept>()
  let bytes = 0

  function forget(isDue: (oldest: Kept) => boolean): void {
    for (const [name, oldest] of kept) {
      if (!isDue(oldest)) return
      kept.delete(name)
      bytes -= oldest.bytes
    }
  }

  return {
    claim({ name, request }) {
      const at = now()
      forget(({ expiresAt }) => expiresAt <= at)
      const known = kept.get(name)
      if (!known) return { type: 'CLAIMED' }
      return known.request === request ? { type: 'ANSWERED', answer: known.answer } : { type: 'KEY_REUSED' }
    },
    keep({ name, request }, answer) {
      const size = ENTRY_BYTES + BYTES_PER_CHARACTER * (name.length + request.length + answer.length)
      kept.set(name, { request, answer, expiresAt: now() + KEPT_MS, bytes: size })
      bytes += size
      forget(() => bytes > bytesMax)
      return answer
    },
    release: () => {},
    size: () => kept.size,
    dispose: async () => kept.clear(),
  }
}

interface Kept {
  readonly request: string
  readonly answer: string
  readonly expiresAt: number
  readonly bytes: number
}

/** Of a map's entry, its object and the heads of three strings. */
const ENTRY_BYTES = 200
/** A text with one character beyond Latin-1 has two bytes for each. */
const BYTES_PER_CHARACTER = 2
