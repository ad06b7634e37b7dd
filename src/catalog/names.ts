import type { Random } from '../random.ts'

/** Names as publishers have them, such as `metro-daily-news`: as many as asked for, all different, in a random order. */
export function* supplyNames(count: number, random: Random): Generator<string> {
  yield* distinctNames(count, random, PUBLISHER_PLACES, PUBLISHER_TOPICS, PUBLISHER_KINDS)
}

/** Names as ad networks have them, such as `northstar-ads`: as many as asked for, all different, in a random order. */
export function bidderNames(count: number, random: Random): string[] {
  return [...distinctNames(count, random, NETWORK_NAMES, NETWORK_KINDS)]
}

/**
 * Goes through all combinations of the words, from a random one on, by a step that visits each before any comes again;
 * then once more with a number behind. No set of what was used is needed, however many there are.
 */
function* distinctNames(count: number, random: Random, ...words: (readonly string[])[]): Generator<string> {
  const combinations = words.reduce((product, list) => product * list.length, 1)
  const step = coprimeStep(combinations)
  let combination = Math.floor(random() * combinations)
  for (let i = 0; i < count; i++) {
    const name = combine(combination, words)
    const round = Math.floor(i / combinations)
    yield round === 0 ? name : `${name}-${round + 1}`
    combination = (combination + step) % combinations
  }
}

function combine(combination: number, words: readonly (readonly string[])[]): string {
  const parts: string[] = []
  let rest = combination
  for (const list of words) {
    parts.push(list[rest % list.length] ?? '')
    rest = Math.floor(rest / list.length)
  }
  return parts.join('-')
}

/** A step near the golden section, which spreads neighbours well, without a divisor in common with the whole. */
function coprimeStep(whole: number): number {
  let step = Math.round(whole * 0.618)
  while (greatestCommonDivisor(step, whole) !== 1) step++
  return step
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

const PUBLISHER_PLACES = [
  ...['metro', 'harbor', 'capital', 'coastal', 'highland', 'lakeside', 'northern', 'southern', 'eastern', 'western'],
  ...['global', 'national', 'valley', 'summit', 'river', 'island', 'prairie', 'riverside', 'downtown', 'old-town'],
]
const PUBLISHER_TOPICS = [
  ...['daily', 'evening', 'morning', 'sunday', 'weekly', 'sports', 'football', 'business', 'market', 'tech', 'science'],
  ...[
    'travel',
    'food',
    'garden',
    'home',
    'fashion',
    'music',
    'film',
    'health',
    'fitness',
    'motor',
    'gaming',
    'weather',
  ],
]
const PUBLISHER_KINDS = [
  ...['news', 'post', 'times', 'herald', 'tribune', 'journal', 'gazette', 'review', 'magazine', 'report', 'courier'],
  ...['observer', 'chronicle', 'digest', 'guide', 'insider', 'today', 'online', 'live'],
]
const NETWORK_NAMES = [
  ...['northstar', 'bluewave', 'redwood', 'silverline', 'brightpath', 'cloudpeak', 'evergreen', 'firefly', 'goldcrest'],
  ...[
    'ironbridge',
    'lighthouse',
    'moonrise',
    'nightowl',
    'openroad',
    'pinnacle',
    'quicksilver',
    'rainmaker',
    'skylark',
  ],
  ...['stonegate', 'tailwind', 'uplift', 'vantage', 'wildfire'],
]
const NETWORK_KINDS = ['ads', 'media', 'dsp', 'exchange', 'network', 'digital', 'bidding']
