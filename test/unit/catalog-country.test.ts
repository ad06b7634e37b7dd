import { describe, expect, it } from 'vitest'
import { isCountryCode } from '../../src/catalog/country.ts'

describe('isCountryCode', () => {
  it.each(['US', 'GB', 'DE', 'AQ', 'ZW'])('should know %s', (code) => {
    expect(isCountryCode(code)).toBe(true)
  })

  it.each(['us', 'Us', 'USA', 'XX', 'UK', 'EU', '', ' US', '__proto__'])('should not know %j', (code) => {
    expect(isCountryCode(code)).toBe(false)
  })
})
