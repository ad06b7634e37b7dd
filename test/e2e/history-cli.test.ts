import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { type Instance, runAuctionCommand, startInstance } from '../support/instance.ts'
import { logAuctions, loggedAuction } from '../support/logged.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { readmeBlocks } from '../support/readme.ts'
import { createTestBed } from '../support/topology.ts'

const SOLD = loggedAuction('2026-03-10T11:10:00.120Z', 'news', 'US', {
  acme: ['WON', 230_000],
  bolt: ['NO_BID'],
  crux: ['TIMED_OUT'],
})
const UNSOLD = loggedAuction('2026-03-10T11:20:00Z', 'sport', 'GB', { dune: ['NO_BID'] })
const RANGE = ['--from', '2026-03-10T10:00:00Z', '--to', '2026-03-10T13:00:00+01:00']

const bed = createTestBed()
let env: { readonly DATA_DIR: string }
let service: Instance
beforeAll(async () => {
  const folder = await bed.own(createTestFolder())
  env = { DATA_DIR: folder.path }
  await makeMigratedDataDir(folder.path)
  service = await bed.own(startInstance(env))
  const database: Database = await openDatabase({ databaseUrl: undefined, dataDir: folder.path }, { command: 'a test' })
  await logAuctions(database.prisma, [SOLD, UNSOLD]).finally(() => database.dispose())
})
afterAll(() => bed.dispose())

async function refusalOf(args: readonly string[]): Promise<string> {
  const error = await runAuctionCommand(args, env).then(
    () => new Error('It was not refused.'),
    (thrown: Error) => thrown,
  )
  const [first, ...lines] = error.message.split('\n')
  expect(first).toMatch(/ ended with 1:$/)
  return lines.join('\n')
}

describe('auction history, beside a service on the same data folder', () => {
  it('should print a table of all supplies, or of those that are named', async () => {
    const lines = (await runAuctionCommand(['history', ...RANGE], env)).split('\n')
    expect(lines.map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))).toEqual([
      'hour (UTC) | requests | sold | bids | no bids | timeouts | errors | skipped | revenue | price',
      '2026-03-10 10:00 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0.00 | -',
      '2026-03-10 11:00 | 2 | 1 | 1 | 2 | 1 | 0 | 0 | 0.23 | 0.23',
      'all | 2 | 1 | 1 | 2 | 1 | 0 | 0 | 0.23 | 0.23',
      '',
    ])
    const both = await runAuctionCommand(['history', '--supply=sport', ...RANGE, '--supply', 'news'], env)
    expect(both.split('\n')).toEqual(lines)
    const one = ['history', '--supply', 'sport', '--from', '2026-03-10', '--to', '2026-03-11', '--by', 'day']
    expect(await runAuctionCommand(one, env)).toMatch(/^2026-03-10 {9}1 {5}0 .*0\.00 +-$/m)
  })

  it('should print the last 24 hours where no range is given', async () => {
    const lines = (await runAuctionCommand(['history', '--csv'], env)).trim().split('\n')
    expect(lines[0]).toBe('start,requests,sold,bids,no_bids,timeouts,errors,skipped,revenue,average_price')
    expect(lines).toHaveLength(25)
    const last = Date.parse(lines.at(-1)?.split(',')[0] ?? '')
    expect(Date.now() - last).toBeLessThan(2 * 3_600_000)
  })

  it('should print JSON', async () => {
    const text = await runAuctionCommand(['history', ...RANGE, '--by', 'minute', '--json'], env)
    const buckets = JSON.parse(text)
    expect(buckets).toHaveLength(120)
    expect(buckets[70]).toEqual({
      start: '2026-03-10T11:10:00.000Z',
      ...{
        requests: 1,
        sold: 1,
        bids: 1,
        noBids: 1,
        timeouts: 1,
        errors: 0,
        skipped: 0,
        revenue: 0.23,
        averagePrice: 0.23,
      },
    })
  })

  it.each([
    [['--by', 'week'], '--by week cannot be used: it must be one of minute, hour, day.'],
    [
      ['--from', 'yesterday'],
      '--from yesterday cannot be used: it must be an instant of RFC 3339, such as 2026-01-31T12:00:00Z, or a day of UTC, such as 2026-01-31.',
    ],
    [
      ['--from', '2026-02-30'],
      '--from 2026-02-30 cannot be used: it must be an instant of RFC 3339, such as 2026-01-31T12:00:00Z, or a day of UTC, such as 2026-01-31.',
    ],
    [
      ['--from', '2026-01-02', '--to', '2026-01-01'],
      'from must be before to, and 2026-01-02T00:00:00.000Z is not before 2026-01-01T00:00:00.000Z.',
    ],
    [
      ['--from', '2025-01-01', '--to', '2026-01-02', '--by', 'minute'],
      'This range has 527040 minutes, and an answer has 10000 buckets at most: take a coarser granularity or a shorter range.',
    ],
    [['--csv', '--json'], '--csv and --json exclude each other: give one of them.'],
    [['news'], 'news is not an option of this command. It has --supply, --from, --to, --by, --csv, --json.'],
  ])('should refuse %j, in one line', async (args, message) => {
    expect(await refusalOf(['history', ...args])).toBe(`error: ${message}\n`)
  })
})

describe('auction show, beside a service on the same data folder', () => {
  it('should print an auction as the log does, with its time', async () => {
    expect(await runAuctionCommand(['show', SOLD.id], env)).toBe(
      `2026-03-10T11:10:00.120Z Auction for news (country=US, tmax=200ms)
  acme - price 0.23
  bolt - no bid
  crux - timeout (no answer in 200ms)
  Winner: acme (0.23)
`,
    )
    expect(await runAuctionCommand(['show', UNSOLD.id], env)).toMatch(/\n {2}dune - no bid\n {2}No winner\n$/)
    expect((await service.readiness()).httpStatus).toBe(200)
  })

  it('should refuse an id of none, in one line', async () => {
    const { id } = loggedAuction('2026-03-10T11:10:00Z', 'news', 'US')
    expect(await refusalOf(['show', id])).toBe(`error: No auction of the log has the id ${id}.\n`)
    expect(await refusalOf(['show', 'news'])).toBe(
      'error: The id news cannot be used: it must be an auction’s, which is a UUIDv7.\n',
    )
    expect(await refusalOf(['show', id, id])).toMatch(/^error: \S+ is not an option of this command\./)
  })
})

it('should run what the README names', async () => {
  const [block = ''] = await readmeBlocks('### History', 'sh')
  const commands = block.trim().split('\n')
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    const [npx, auction, ...args] = command.replace('"$ID"', SOLD.id).split(' ')
    expect([npx, auction]).toEqual(['npx', 'auction'])
    expect((await runAuctionCommand(args, env)).split('\n').length).toBeGreaterThan(5)
  }
})
