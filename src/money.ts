/**
 * Money is whole millionths of a unit (micros) everywhere inside, so that sums are exact: bids have more than two
 * decimals. It becomes a number of units at the API's edge alone, such as 0.23 for 230,000.
 */
export function toUnits(micros: number): number {
  return micros / MICROS_PER_UNIT
}

/** The whole millionths nearest to a number of units. */
export function toMicros(units: number): number {
  return Math.round(units * MICROS_PER_UNIT)
}

/** A price as text in units: two decimals, or as many as it has, such as 0.23 or 0.234567. */
export function formatMicros(micros: number): string {
  return toUnits(micros).toFixed(DECIMALS).replace(SPARE_ZEROS, '')
}

/** Of all prices, ISO 4217. */
export const CURRENCY = 'USD'
export const MICROS_PER_CENT = 10_000
const MICROS_PER_UNIT = 1_000_000
const DECIMALS = 6
const SPARE_ZEROS = /0{1,4}$/
