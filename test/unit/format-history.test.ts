import { describe, expect, it } from 'vitest'
import { formatCsv, formatJson, formatSparkline, formatTable } from '../../src/cli/format-history.ts'
import type { StatsBucket } from '../../src/history/types.ts'

const START = Date.parse('2026-03-10T11:00:00Z')
const NONE = { requests: 0, sold: 0, bids: 0, noBids: 0, timeouts: 0, errors: 0, skipped: 0, revenueMicros: 0 }

function bucket(hour: number, counts: Partial<StatsBucket> = {}): StatsBucket {
  return { startMs: START + hour * 3_600_000, ...NONE, ...counts }
}

const BUCKETS = [
  bucket(0, {
    requests: 1200,
    sold: 3,
    bids: 7,
    noBids: 5,
    timeouts: 1,
    errors: 2,
    skipped: 4,
    revenueMicros: 1_000_000,
  }),
  bucket(1),
]

describe('the history as text', () => {
  it('should be a table with a sum', () => {
    expect(formatTable(BUCKETS, 'HOUR').split('\n')).toEqual([
      'hour (UTC)        requests  sold  bids  no bids  timeouts  errors  skipped  revenue     price',
      '2026-03-10 11:00      1200     3     7        5         1       2        4     1.00  0.333333',
      '2026-03-10 12:00         0     0     0        0         0       0        0     0.00         -',
      'all                   1200     3     7        5         1       2        4     1.00  0.333333',
      '',
    ])
    expect(formatTable(BUCKETS, 'DAY')).toMatch(/^day \(UTC\) {3}requests .*\n2026-03-10 {6}1200 /)
  })

  it('should be comma-separated values', () => {
    expect(formatCsv(BUCKETS)).toBe(
      [
        'start,requests,sold,bids,no_bids,timeouts,errors,skipped,revenue,average_price',
        '2026-03-10T11:00:00.000Z,1200,3,7,5,1,2,4,1,0.333333333333333',
        '2026-03-10T12:00:00.000Z,0,0,0,0,0,0,0,0,',
        '',
      ]
        .join('\n')
        .replace('0.333333333333333', String(1 / 3)),
    )
  })

  it('should be JSON, named as in the API', () => {
    expect(JSON.parse(formatJson(BUCKETS))).toEqual([
      {
        start: '2026-03-10T11:00:00.000Z',
        ...{
          requests: 1200,
          sold: 3,
          bids: 7,
          noBids: 5,
          timeouts: 1,
          errors: 2,
          skipped: 4,
          revenue: 1,
          averagePrice: 1 / 3,
        },
      },
      {
        start: '2026-03-10T12:00:00.000Z',
        ...{
          requests: 0,
          sold: 0,
          bids: 0,
          noBids: 0,
          timeouts: 0,
          errors: 0,
          skipped: 0,
          revenue: 0,
          averagePrice: null,
        },
      },
    ])
  })

  it('should be a line of bars, as high as the requests', () => {
    const requests = (counts: readonly number[]) => counts.map((count, hour) => bucket(hour, { requests: count }))
    expect(formatSparkline(requests([0, 1, 40, 80]))).toBe('requests ·▁▄█ 80 at most\n')
    expect(formatSparkline(requests([0, 0]))).toBe('requests ·· 0 at most\n')
    const many = requests(Array.from({ length: 120 }, (_, hour) => hour % 2))
    expect(formatSparkline(many)).toBe(`requests ${'█'.repeat(60)} 1 at most\n`)
  })
})
