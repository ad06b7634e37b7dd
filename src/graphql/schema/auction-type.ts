import type { AuctionType as Type } from '../../catalog/types.ts'
import { builder } from '../builder.ts'

export const AuctionTypeType = builder.enumType('AuctionType', {
  description:
    'What the winner pays: its own bid, or a cent more than the second bid or the floor, whichever is higher.',
  values: ['FIRST_PRICE', 'SECOND_PRICE'] as const satisfies readonly Type[],
})
