import { defineCommand } from 'citty'
import { timeOfAuctionId } from '../auction/auction-id.ts'
import { formatAuction } from '../auction/format-auction.ts'
import type { ValueKind } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { OptionError, parseOption } from './options.ts'
import { withHistory } from './with-history.ts'

export const showCommand = defineCommand({
  meta: { name: 'show', description: 'Print the receipt of a logged auction.' },
  args: { id: { type: 'positional', required: true, description: 'The auction’s id' } },
  run: ({ args }) =>
    runCommand(async () => {
      const id = parseOption('The id', args.id, AUCTION_ID)
      const auction = await withHistory('auction show', (history) => history.auction(id))
      if (!auction) throw new OptionError(`No auction of the log has the id ${id}.`)
      const { winnerId, startedAtMs } = auction
      const winner = winnerId === null ? null : { id: winnerId }
      process.stdout.write(`${new Date(startedAtMs).toISOString()} ${formatAuction({ ...auction, winner })}\n`)
    }),
})

const AUCTION_ID: ValueKind<string> = {
  allowed: 'an auction’s, which is a UUIDv7',
  parse: (text) => (timeOfAuctionId(text) === undefined ? undefined : text),
}
