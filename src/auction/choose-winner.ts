import type { Random } from './random.ts'
import type { BidderResponse } from './types.ts'

/**
 * The index of the response that wins, or -1 where nobody bid: the highest price, and of equal ones each with the same
 * chance (one draw for each further response that ties).
 */
export function chooseWinner(responses: readonly BidderResponse[], random: Random): number {
  let winner = -1
  let highestMicros = 0
  let tied = 0
  for (let index = 0; index < responses.length; index++) {
    const priceMicros = responses[index]?.priceMicros ?? 0
    if (priceMicros === 0 || priceMicros < highestMicros) continue
    if (priceMicros > highestMicros) {
      highestMicros = priceMicros
      winner = index
      tied = 1
    } else {
      tied++
      if (random() * tied < 1) winner = index
    }
  }
  return winner
}
