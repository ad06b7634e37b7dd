/** A source of numbers uniform in [0, 1). */
export type Random = () => number

/**
 * A seeded random source: the same seed gives the same numbers.
 * Source: sfc32 of Chris Doty-Humphrey's PractRand; its state is filled from the seed and the first rounds discarded.
 * @param seed a whole number from 0 to 2^32 - 1
 */
export function createRandom(seed: number): Random {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = seed | 0
  let counter = 1

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 0x1_0000_0000
  }

  for (let round = 0; round < WARM_UP_ROUNDS; round++) next()
  return next
}

/**
 * Where a sequence of numbers stands: a whole number of 32 bits, which each draw moves on. Whoever has a chance carries it
 * with what else it has: it costs no object of its own.
 */
export interface Chance {
  chance: number
}

/**
 * The beginning of one auction's own chance: always the same for a seed and a number, and another for each of 2^32 numbers.
 * @param seed a whole number from 0 to 2^32 - 1
 */
export function chanceOf(seed: number, number: number): number {
  return scramble((scramble(seed) + number) | 0)
}

/** The next number of a chance, uniform in [0, 1). Source: SplitMix32, its bits mixed as lowbias32 does. */
export function draw(source: Chance): number {
  source.chance = (source.chance + GOLDEN_GAMMA) | 0
  return (scramble(source.chance) >>> 0) / 0x1_0000_0000
}

/** Mixes the bits of a whole number of 32 bits: each gives another. */
function scramble(bits: number): number {
  let mixed = bits ^ (bits >>> 16)
  mixed = Math.imul(mixed, 0x21f0aaad)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

const GOLDEN_GAMMA = 0x9e3779b9
const WARM_UP_ROUNDS = 15
