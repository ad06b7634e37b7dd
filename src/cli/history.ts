import { defineCommand } from 'citty'
import { BUCKET_MS, readBuckets, type StatsQuestion } from '../history/buckets.ts'
import type { Granularity } from '../history/types.ts'
import { oneOf } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { formatCsv, formatJson, formatSparkline, formatTable } from './format-history.ts'
import { OptionError, parseOption, TIME, valuesOf } from './options.ts'
import { withHistory } from './with-history.ts'

/** How many minutes, hours or days are told of where no beginning is given. */
const DEFAULT_BUCKETS = 24

export const historyCommand = defineCommand({
  meta: { name: 'history', description: 'Print what was asked for, sold and earned over time.' },
  args: {
    supply: { type: 'string', valueHint: 'ID', description: 'Of this supply; may be given again (default: of all)' },
    from: {
      type: 'string',
      valueHint: 'TIME',
      description: `From this time on, of UTC or with its offset (default: ${DEFAULT_BUCKETS} of --by before --to)`,
    },
    to: { type: 'string', valueHint: 'TIME', description: 'Until this time (default: now)' },
    by: { type: 'string', default: 'hour', valueHint: 'minute|hour|day', description: 'A line for each of these' },
    csv: { type: 'boolean', default: false, description: 'Print comma-separated values' },
    json: { type: 'boolean', default: false, description: 'Print one JSON document' },
  },
  run: ({ args, rawArgs }) =>
    runCommand(async () => {
      if (args.csv && args.json) throw new OptionError('--csv and --json exclude each other: give one of them.')
      const question = parseQuestion(args, valuesOf('--supply', rawArgs))
      const buckets = await withHistory('auction history', (history) => readBuckets(history, question))
      const format = args.csv ? formatCsv : args.json ? formatJson : formatTable
      process.stdout.write(format(buckets, question.granularity))
      if (format === formatTable && process.stdout.isTTY) process.stdout.write(formatSparkline(buckets))
    }),
})

type Args = { readonly by: string } & Readonly<Partial<Record<'from' | 'to', string | undefined>>>

/** @throws OptionError naming the first option that cannot be used */
function parseQuestion(args: Args, supplyIds: readonly string[]): StatsQuestion {
  const granularity = GRANULARITIES[parseOption('--by', args.by, oneOf(['minute', 'hour', 'day']))]
  const bucketMs = BUCKET_MS[granularity]
  const toMs = args.to === undefined ? Date.now() : parseOption('--to', args.to, TIME).getTime()
  const fromMs =
    args.from === undefined
      ? Math.ceil(toMs / bucketMs - DEFAULT_BUCKETS) * bucketMs
      : parseOption('--from', args.from, TIME).getTime()
  return { fromMs, toMs, granularity, supplyIds: supplyIds.length > 0 ? supplyIds : undefined, groupBy: [] }
}

const GRANULARITIES = { minute: 'MINUTE', hour: 'HOUR', day: 'DAY' } as const satisfies Record<string, Granularity>
