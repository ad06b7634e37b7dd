// The list alone: the package's index also loads every country's subdivisions, 350 kB that nothing here needs.
import { iso31661 } from 'iso-3166/1.js'

/** Every assigned ISO 3166-1 alpha-2 code, in upper case. */
const COUNTRY_CODES: ReadonlySet<string> = new Set(iso31661.map(({ alpha2 }) => alpha2))

const ALPHA3: ReadonlyMap<string, string> = new Map(iso31661.map(({ alpha2, alpha3 }) => [alpha2, alpha3]))

/** A country's ISO 3166-1 alpha-3 code, such as USA for US; undefined where there is no such country. */
export function alpha3Of(alpha2: string): string | undefined {
  return ALPHA3.get(alpha2)
}

/** Whether a text is an assigned ISO 3166-1 alpha-2 country code in upper case, such as US. */
export function isCountryCode(text: string): boolean {
  return COUNTRY_CODES.has(text)
}

/** The alpha-2 code of a country's alpha-3 code, as OpenRTB has it, or of its alpha-2 code; undefined where there is none. */
export function alpha2Of(code: string): string | undefined {
  return ALPHA_2_CODES.get(code) ?? (isCountryCode(code) ? code : undefined)
}

const ALPHA_2_CODES: ReadonlyMap<string, string> = new Map(iso31661.map(({ alpha2, alpha3 }) => [alpha3, alpha2]))

/** What is wrong with a country code, as the end of a sentence that begins with its name; undefined where nothing is. */
export function countryProblem(text: string): string | undefined {
  if (isCountryCode(text)) return undefined
  const upper = text.toUpperCase()
  return isCountryCode(upper)
    ? `must be in upper case: "${upper}"`
    : 'must be an ISO 3166-1 alpha-2 country code, such as "US"'
}
