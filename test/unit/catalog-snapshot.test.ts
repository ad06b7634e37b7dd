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
  it('should give each supply its bidders of a country', () => {
    const { revision, supplies, bidders, eligibleBidders, biddersOf } = build([['news', ['bolt', 'cafe', 'acme']]])

    expect(revision).toBe(3n)
    expect([supplies.size, supplies.has('news'), [...supplies.keys()]]).toEqual([1, true, ['news']])
    expect(eligibleBidders('news', 'US')).toEqual([
      { id: 'acme', country: 'US' },
      { id: 'bolt', country: 'US' },
    ])
    expect(eligibleBidders('news', 'FR')).toEqual([{ id: 'cafe', country: 'FR' }])
    expect(eligibleBidders('news', 'GB')).toEqual([])
    expect(biddersOf('news')?.map(({ id }) => id)).toEqual(['acme', 'bolt', 'cafe'])
    expect(bidders.size).toBe(5)
    expect(eligibleBidders('news', 'FR')?.[0]).toBe(bidders.get('cafe'))
  })

  it('should know no supply that is not there', () => {
    const { supplies, eligibleBidders, biddersOf } = build([['news', ['acme']]])

    for (const id of ['', 'new', 'newt', 'news2', '__proto__', 'NEWS']) {
      expect([supplies.has(id), eligibleBidders(id, 'US'), biddersOf(id)]).toEqual([false, undefined, undefined])
    }
  })

  it('should sort bidders by their bytes, as the database does', () => {
    const list = build([['news', ['😀', '\uFF5E', 'bolt']]]).eligibleBidders('news', 'US')

    expect(list?.map(({ id }) => id)).toEqual(['bolt', '\uFF5E', '😀'])
  })

  it('should keep a supply without bidders, and pass over bidders that are not there', () => {
    const { supplies, biddersOf } = build([
      ['none', []],
      ['ghost', ['ghost']],
    ])

    expect([...supplies.keys()]).toEqual(['none', 'ghost'])
    expect([biddersOf('none'), biddersOf('ghost')]).toEqual([[], []])
  })
})
