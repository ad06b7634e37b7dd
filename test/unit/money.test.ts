import { describe, expect, it } from 'vitest'
import { formatMicros, toUnits } from '../../src/money.ts'

describe('money', () => {
  it('should give the API the very number that cents gave', () => {
    for (let cents = 0; cents <= 100_000; cents++) {
      if (toUnits(cents * 10_000) !== cents / 100) expect.fail(`${cents} cents are ${toUnits(cents * 10_000)}`)
    }
  })

  it('should be told with two decimals, and with more where it has them', () => {
    const told = [0, 1, 100_000, 230_000, 234_000, 234_567, 1_000_000, 12_500_000].map(formatMicros)
    expect(told).toEqual(['0.00', '0.000001', '0.10', '0.23', '0.234', '0.234567', '1.00', '12.50'])
  })
})
