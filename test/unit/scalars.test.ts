import { GraphQLError, GraphQLScalarType, parseValue } from 'graphql'
import { describe, expect, it } from 'vitest'
import { createSchema } from '../../src/graphql/schema/index.ts'

function scalar(name: string): GraphQLScalarType {
  const type = createSchema().getType(name)
  if (!(type instanceof GraphQLScalarType)) throw new Error(`${name} is no scalar`)
  return type
}

describe('DateTime', () => {
  const type = scalar('DateTime')

  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.125+02:00', '2026-01-31T10:00:00.125Z'],
    ['2024-02-29t23:59:59z', '2024-02-29T23:59:59.000Z'],
  ])('should read %s', (text, instant) => {
    expect((type.parseValue(text) as Date).toISOString()).toBe(instant)
    expect(type.serialize(type.parseLiteral(parseValue(`"${text}"`)))).toBe(instant)
  })

  it.each([
    '2026-02-30T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '2026-04-31T12:00:00+02:00',
    '2026-13-01T12:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:00',
    '2026-01-31',
    1_700_000_000_000,
    null,
  ])('should refuse %s', (value) => {
    expect(() => type.parseValue(value)).toThrow(GraphQLError)
    expect(() => type.parseValue(value)).toThrow(/is not an instant of RFC 3339, such as/)
  })
})

describe.each(['CountryCode', 'IPAddress', 'DateTime', 'SafeInt'])('%s', (name) => {
  it('should refuse what is nested too deep to be repeated', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    expect(() => scalar(name).parseValue(deep)).toThrow(/^This value is not /)
  })
})

describe('SafeInt', () => {
  const type = scalar('SafeInt')

  it('should take whole numbers up to 2^53 - 1, in and out', () => {
    for (const value of [0, -1, Number.MAX_SAFE_INTEGER]) {
      expect([type.parseValue(value), type.serialize(value)]).toEqual([value, value])
      expect(type.parseLiteral(parseValue(`${value}`))).toBe(value)
    }
  })

  it.each([1.5, 2 ** 53, Number.NaN, '5', true, null])('should refuse %s', (value) => {
    expect(() => type.parseValue(value)).toThrow(/is not a whole number up to 2\^53 - 1/)
    expect(() => type.serialize(value)).toThrow()
  })
})
