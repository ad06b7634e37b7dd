import { TMAX_MS } from '../auction/tmax.ts'
import { isCountryCode } from '../catalog/country.ts'
import { isIPAddress } from '../rate-limit/key.ts'
import { INSTANT, type ValueKind, wholeNumber } from '../value-kinds.ts'

/** A command line option with a value that cannot be used; the message names the option, the value and what is allowed. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
  readonly code = 'OPTION_INVALID'
}

/**
 * The value of an option.
 * @param option its name, such as --supplies
 * @throws OptionError where the text is not of that kind
 */
export function parseOption<T>(option: string, text: string, { allowed, parse }: ValueKind<T>): T {
  const value = parse(text)
  if (value !== undefined) return value
  throw new OptionError(`${option} ${text} cannot be used: it must be ${allowed}.`)
}

/** What an option was given each time, as citty itself keeps the last one alone. */
export function valuesOf(option: string, rawArgs: readonly string[]): string[] {
  return rawArgs.flatMap((argument, index) => {
    if (argument === option) return rawArgs[index + 1] ?? []
    return argument.startsWith(`${option}=`) ? argument.slice(option.length + 1) : []
  })
}

// What several commands take.

export const COUNTRY: ValueKind<string> = {
  allowed: 'an ISO 3166-1 alpha-2 code in upper case, such as US',
  parse: (text) => (isCountryCode(text) ? text : undefined),
}

export const IP_ADDRESS: ValueKind<string> = {
  allowed: 'an IPv4 or IPv6 address',
  parse: (text) => (isIPAddress(text) ? text : undefined),
}

export const TIME: ValueKind<Date> = {
  allowed: `${INSTANT.allowed}, or a day of UTC, such as 2026-01-31`,
  parse: (text) => INSTANT.parse(text) ?? INSTANT.parse(`${text}T00:00:00Z`),
}

export const TMAX = wholeNumber(TMAX_MS.min, TMAX_MS.max)

export const TMAX_ARGUMENT = {
  type: 'string',
  default: `${TMAX_MS.default}`,
  valueHint: 'MS',
  description: `The longest a bidder may take, ${TMAX_MS.min} to ${TMAX_MS.max} ms`,
} as const
