import { type GraphQLError, Kind, type ValueNode } from 'graphql'
import { isCountryCode } from '../catalog/country.ts'
import { isIPAddress } from '../rate-limit/key.ts'
import { INSTANT } from '../value-kinds.ts'
import { builder } from './builder.ts'
import { badUserInput } from './errors.ts'

/** A refused value is repeated in the error up to this many characters. */
const MAX_SHOWN = 100

// The schema's own scalars. Their refusals are GraphQL errors of code BAD_USER_INPUT.

addStringScalar({
  name: 'CountryCode',
  description: 'An ISO 3166-1 alpha-2 country code in upper case, such as US.',
  specifiedByURL: 'https://www.iso.org/iso-3166-country-codes.html',
  isValid: isCountryCode,
  expected: 'an ISO 3166-1 alpha-2 country code in upper case, such as US',
})
addStringScalar({
  name: 'IPAddress',
  description: 'An IPv4 or IPv6 address in its usual text form.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc4291#section-2.2',
  isValid: isIPAddress,
  expected: 'an IPv4 or IPv6 address, such as 203.0.113.7 or 2001:db8::7',
})

builder.scalarType('DateTime', {
  description: 'An instant in UTC, RFC 3339.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6',
  serialize: (value) => value.toISOString(),
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(literalString(node)),
})

builder.scalarType('SafeInt', {
  description: "A whole number up to 2^53 - 1; GraphQL's Int stops at 2^31 - 1.",
  specifiedByURL: 'https://tc39.es/ecma262/#sec-number.max_safe_integer',
  serialize: (value) => {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number up to 2^53 - 1`)
    return value
  },
  parseValue: parseSafeInt,
  parseLiteral: (node) => parseSafeInt(node.kind === Kind.INT ? Number(node.value) : undefined),
})

interface StringScalar {
  readonly name: 'CountryCode' | 'IPAddress'
  readonly description: string
  readonly specifiedByURL: string
  readonly isValid: (text: string) => boolean
  readonly expected: string
}

function addStringScalar({ name, description, specifiedByURL, isValid, expected }: StringScalar): void {
  function parse(value: unknown): string {
    if (typeof value === 'string' && isValid(value)) return value
    throw notA(expected, value)
  }
  builder.scalarType(name, {
    description,
    specifiedByURL,
    serialize: (value) => value,
    parseValue: parse,
    parseLiteral: (node) => parse(literalString(node)),
  })
}

function parseDateTime(value: unknown): Date {
  const date = typeof value === 'string' ? INSTANT.parse(value) : undefined
  if (date) return date
  throw notA(INSTANT.allowed, value)
}

function parseSafeInt(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number
  throw notA('a whole number up to 2^53 - 1', value)
}

function literalString(node: ValueNode): unknown {
  return node.kind === Kind.STRING ? node.value : undefined
}

function notA(expected: string, value: unknown): GraphQLError {
  return badUserInput(`${jsonOf(value)?.slice(0, MAX_SHOWN) ?? 'This value'} is not ${expected}.`)
}

/** Undefined where there is none, as of what is nested deeper than can be written, though it can be read. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
