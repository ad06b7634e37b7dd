import type { BidderResponse } from '../bidders/types.ts'
import { type Chance, draw } from '../random.ts'

/**
 * The index of the response that wins, or -1 where nobody bid as much as the floor: the highest price, and of equal ones
 * each with the same chance (one draw for each further response that ties). Bids under the floor are told so.
 * @param floorMicros in whole millionths; 0: none
 */
export function chooseWinner(responses: readonly BidderResponse[], chance: Chance, floorMicros: number): number {
  let winner = -1
  let highestMicros = 0
  let tied = 0
  for (let index = 0; index < responses.length; index++) {
    const response = responses[index] as BidderResponse
    const priceMicros = response.priceMicros ?? 0
    if (priceMicros === 0) continue
    if (priceMicros < floorMicros) response.reason = 'BELOW_FLOOR'
    else if (priceMicros > highestMicros) {
      highestMicros = priceMicros
      winner = index
      tied = 1
    } else if (priceMicros === highestMicros) {
      tied++
      if (draw(chance) * tied < 1) winner = index
    }
  }
  return winner
}
