import type { Span } from '@opentelemetry/api'
import type { CommitTracer } from '../stats/types.ts'
import { isKept, markFailed, type Traces } from './traces.ts'

/**
 * Makes a span of each commit in which an auction is that is traced: under the first one's, linked to those of the others,
 * which are linked to it. Commits of which no auction is traced have none.
 */
export function createCommitTracer(traces: Traces): CommitTracer {
  const spans = new WeakMap<object, Span>()
  /** Spans that wait for a commit. */
  let waiting = 0

  return {
    counting(count, asker) {
      const span = asker?.span
      if (span === undefined || !isKept(span.spanContext()) || waiting >= SPANS_WAITING_MAX) return
      waiting++
      spans.set(count, span)
    },
    gather(gathered, count) {
      const span = spans.get(count)
      if (span === undefined) return gathered
      if (gathered === undefined) return [span]
      gathered.push(span)
      return gathered
    },
    async commit(gathered, supplies, commit) {
      const [first, ...others] = gathered
      if (first === undefined) return commit()
      const span = traces.startShared('redis commit', 'CLIENT', [first, ...others], {
        'db.system.name': 'redis',
        'commit.supplies': supplies,
        'commit.traced_auctions': gathered.length,
      })
      for (const other of others) other.addLink({ context: span.spanContext() })
      try {
        await commit()
        waiting -= gathered.length
      } catch (error) {
        span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
        markFailed(span)
        throw error
      } finally {
        span.end()
      }
    },
  }
}

/** So many spans may wait for commits, as while Redis is away; auctions beyond them are counted all the same. */
const SPANS_WAITING_MAX = 2048
