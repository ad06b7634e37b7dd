import { randomInt } from 'node:crypto'
import { Readable } from 'node:stream'
import { defineCommand } from 'citty'
import { DEFAULT_SIZE, formatDataFile, generateCatalog, MIN_BIDDERS } from '../catalog/generate.ts'
import { writeDataFile } from '../catalog/write-data-file.ts'
import { wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { parseOption } from './options.ts'

const MAX_SUPPLIES = 20
const MAX_BIDDERS = 20
const MAX_SEED = 2 ** 32 - 1

export const generateInputJsonCommand = defineCommand({
  meta: { name: 'generate-input-json', description: 'Make up a data file of supplies and bidders' },
  args: {
    output: {
      type: 'string',
      alias: 'o',
      valueHint: 'file',
      default: 'data.json',
      description: 'The file to write; - is standard output',
    },
    supplies: {
      type: 'string',
      alias: 's',
      default: `${DEFAULT_SIZE.supplies}`,
      description: `How many supplies, 1 to ${MAX_SUPPLIES}`,
    },
    bidders: {
      type: 'string',
      alias: 'b',
      default: `${DEFAULT_SIZE.bidders}`,
      description: `How many bidders, ${MIN_BIDDERS} to ${MAX_BIDDERS}`,
    },
    seed: {
      type: 'string',
      valueHint: 'number',
      description: 'The same seed gives the same file (default: a random one)',
    },
    force: { type: 'boolean', default: false, description: 'Replace the file where it exists' },
  },
  run: ({ args }) =>
    runCommand(async () => {
      const supplies = parseOption('--supplies', args.supplies, wholeNumber(1, MAX_SUPPLIES))
      const bidders = parseOption('--bidders', args.bidders, wholeNumber(MIN_BIDDERS, MAX_BIDDERS))
      const seed =
        args.seed === undefined ? randomInt(MAX_SEED + 1) : parseOption('--seed', args.seed, wholeNumber(0, MAX_SEED))

      const data = generateCatalog({ supplies, bidders, seed })
      if (args.output === '-') {
        for await (const text of Readable.from(formatDataFile(data))) process.stdout.write(text)
        return
      }
      await writeDataFile(args.output, data, args.force)
      process.stdout.write(
        `Wrote ${args.output}: ${supplies} supplies, ${bidders} bidders (seed ${seed}).\n` +
          `Load it with: auction load-data --input ${args.output}\n`,
      )
    }),
})
