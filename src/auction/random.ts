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

const WARM_UP_ROUNDS = 15
