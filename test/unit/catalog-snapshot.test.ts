import { describe, expect, it } from 'vitest'
import { buildSnapshot } from '../../src/catalog/snapshot.ts'

const BIDDERS = [
  { id: 'bolt', country: 'US' },
  { id: 'acme', country: 'US' },
  { id: 'cafe', country: 'FR' },
  { id: '😀', country: 'US' },
  { id: '\uFF5E', country: 'US' },
]

function build(supplies: [string, string[]][]) {
  return buildSnapshot({ revision: 3n, bidders: BIDDERS, supplies })
}

describe('buildSnapshot', () => {
  it('should give each supply its bidders by country', () => {
    const { revision, supplies, bidders } = build([['news', ['bolt', 'cafe', 'acme']]])

    expect(revision).toBe(3n)
    expect(supplies.get('news')?.id).toBe('news')
    expect(supplies.get('news')?.biddersByCountry).toEqual(
      new Map([
        [
          'US',
          [
            { id: 'acme', country: 'US' },
            { id: 'bolt', country: 'US' },
          ],
        ],
        ['FR', [{ id: 'cafe', country: 'FR' }]],
      ]),
    )
    expect(bidders.size).toBe(5)
    expect(supplies.get('news')?.biddersByCountry.get('FR')?.[0]).toBe(bidders.get('cafe'))
  })

  it('should sort bidders by their bytes, as the database does', () => {
    const list = build([['news', ['😀', '\uFF5E', 'bolt']]])
      .supplies.get('news')
      ?.biddersByCountry.get('US')

    expect(list?.map(({ id }) => id)).toEqual(['bolt', '\uFF5E', '😀'])
  })

  it('should share what supplies have in common', () => {
    const { supplies } = build([
      ['a', ['acme', 'bolt']],
      ['b', ['bolt', 'acme']],
      ['c', ['acme', 'cafe', 'bolt']],
    ])
    const [a, b, c] = ['a', 'b', 'c'].map((id) => supplies.get(id)?.biddersByCountry)

    expect(a).toBe(b)
    expect(c).not.toBe(a)
    expect(c?.get('US')).toBe(a?.get('US'))
  })

  it('should keep a supply without bidders, and pass over bidders that are not there', () => {
    const { supplies } = build([
      ['none', []],
      ['ghost', ['ghost']],
    ])

    expect(supplies.get('none')?.biddersByCountry.size).toBe(0)
    expect(supplies.get('ghost')?.biddersByCountry.size).toBe(0)
  })
})
