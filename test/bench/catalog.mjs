// The benchmark's catalogue, the same for every server. Each supply sells to eight bidders in the US, which every
// request asks, and two in Britain, drawn from 60, so that nearly every supply has a set of bidders of its own.

const US_BIDDERS = 40
const GB_BIDDERS = 20
export const ELIGIBLE_BIDDERS = 8
const GB_BIDDERS_PER_SUPPLY = 2

/**
 * The id of the supply with that number, from 0.
 * @param {number} index
 */
export function supplyId(index) {
  return `supply-${String(index).padStart(7, '0')}`
}

/** Every bidder: id and country. */
export function bidders() {
  return [
    ...Array.from({ length: US_BIDDERS }, (_, index) => ({ id: usBidder(index), country: 'US' })),
    ...Array.from({ length: GB_BIDDERS }, (_, index) => ({ id: gbBidder(index), country: 'GB' })),
  ]
}

/**
 * Each of `count` supplies with its bidders' ids.
 * @param {number} count
 * @returns {Generator<[id: string, bidderIds: string[]]>}
 */
export function* supplies(count) {
  for (let index = 0; index < count; index++) yield [supplyId(index), biddersOf(index)]
}

/**
 * The data file's text.
 * @param {number} count
 */
export function dataFile(count) {
  return JSON.stringify({
    supplies: Object.fromEntries(supplies(count)),
    bidders: Object.fromEntries(bidders().map(({ id, country }) => [id, { country }])),
  })
}

/**
 * The text of a data file whose supplies all sell to the same bidders over HTTP.
 * @param {number} count
 * @param {readonly string[]} endpoints one of each bidder
 */
export function httpDataFile(count, endpoints) {
  const bidders = Object.fromEntries(endpoints.map((endpoint, index) => [usBidder(index), { country: 'US', endpoint }]))
  const ids = Object.keys(bidders)
  const supplies = Object.fromEntries(Array.from({ length: count }, (_, index) => [supplyId(index), ids]))
  return JSON.stringify({ supplies, bidders })
}

/** @param {number} index */
function biddersOf(index) {
  return [
    ...pick(index, US_BIDDERS, ELIGIBLE_BIDDERS).map(usBidder),
    ...pick(index, GB_BIDDERS, GB_BIDDERS_PER_SUPPLY).map(gbBidder),
  ]
}

/**
 * `count` different numbers below `limit`, which the index decides.
 * @param {number} index
 * @param {number} limit
 * @param {number} count
 * @returns {number[]}
 */
function pick(index, limit, count) {
  const picked = new Set()
  for (let state = (index + 1) >>> 0; picked.size < count; ) {
    // xorshift32, Marsaglia 2003
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    picked.add(state % limit)
  }
  return [...picked]
}

/** @param {number} index */
function usBidder(index) {
  return `bidder-us-${String(index).padStart(2, '0')}`
}

/** @param {number} index */
function gbBidder(index) {
  return `bidder-gb-${String(index).padStart(2, '0')}`
}
