import { compareIds } from '../../id-order.ts'
import type { LoggedAuction } from '../types.ts'

/**
 * Two sequences of auctions as one, each in the order of an archive's files, and so is what comes of them. An auction that
 * both have comes once.
 * @param onAdded told of each that the first does not have
 */
export async function* mergeAuctions(
  first: AsyncIterable<LoggedAuction>,
  second: AsyncIterable<LoggedAuction>,
  onAdded: () => void,
): AsyncGenerator<LoggedAuction> {
  const known = first[Symbol.asyncIterator]()
  let next = await known.next()
  try {
    for await (const auction of second) {
      while (!next.done && compareAuctions(next.value, auction) < 0) {
        yield next.value
        next = await known.next()
      }
      // The one that both have is given where the first has its own.
      if (!next.done && next.value.id === auction.id) continue
      onAdded()
      yield auction
    }
    while (!next.done) {
      yield next.value
      next = await known.next()
    }
  } finally {
    await known.return?.()
  }
}

/** By supply, the newest first. */
function compareAuctions(a: LoggedAuction, b: LoggedAuction): number {
  return compareIds(a.supplyId, b.supplyId) || b.startedAtMs - a.startedAtMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}
