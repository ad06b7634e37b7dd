import type { BidderResponse } from '../bidders/types.ts'
import { type Chance, draw } from '../random.ts'

/**
 * The index of the response that wins, or -1 where nobody bid: the highest price, and of equal ones each with the same
 * chance (one draw for each further response that ties).
 */
export function chooseWinner(responses: readonly BidderResponse[], chance: Chance): number {
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
      if (draw(chance) * tied < 1) winner = index
    }
  }
  return winner
}
