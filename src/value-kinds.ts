import { isIP } from 'node:net'

/** A kind of text that a setting or an option may be, and the value that it stands for. */
export interface ValueKind<T> {
  /** Finishes the sentence "it must be …", and is what the documentation says. */
  readonly allowed: string
  /** Whether nothing of the text may be shown. */
  readonly isSecret?: boolean
  /** Returns undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined
}

export const SOME_TEXT: ValueKind<string> = { allowed: 'some text', parse: (text) => text.trim() || undefined }

export function wholeNumber(min: number, max: number): ValueKind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (text) => within(/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN, min, max),
  }
}

export function decimal(min: number, max: number, what = 'a number'): ValueKind<number> {
  return {
    allowed: `${what} from ${min} to ${max}`,
    parse: (text) => within(/^\d{1,12}(\.\d{1,12})?$/.test(text) ? Number(text) : Number.NaN, min, max),
  }
}

export function oneOf<const T extends string>(values: readonly T[]): ValueKind<T> {
  return {
    allowed: values.length === 2 ? values.join(' or ') : `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  }
}

/** A time, with its offset from UTC. */
export const INSTANT: ValueKind<Date> = {
  allowed: 'an instant of RFC 3339, such as 2026-01-31T12:00:00Z',
  parse: (text) => {
    const [match, day = ''] = RFC_3339.exec(text) ?? []
    const date = new Date(match ?? Number.NaN)
    return Number.isNaN(date.getTime()) || !isDay(day) ? undefined : date
  },
}

/** @param protocols such as `redis:` */
export function url(...protocols: readonly string[]): ValueKind<string> {
  return {
    allowed: `a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, with %40 for @ and %2F for / in a password`,
    parse: (text) => {
      const isOne = URL.canParse(text) && protocols.some((protocol) => startsWith(text, protocol))
      // Behind a slash an @ is what is left of a password that has both, which messages would show as the place.
      return isOne && !new URL(text).pathname.includes('@') ? text : undefined
    },
  }
}

export const HTTP_URL: ValueKind<string> = {
  allowed: 'a URL that starts with http:// or https://',
  parse: (text) => (URL.canParse(text) && /^https?:\/\//i.test(text) ? text : undefined),
}

/** Names and values as OTEL_EXPORTER_OTLP_HEADERS has them. */
export const HEADERS: ValueKind<Readonly<Record<string, string>>> = {
  allowed: 'names and values such as api-key=s3cr3t, separated by commas',
  isSecret: true,
  parse: (text) => {
    const headers: Record<string, string> = {}
    for (const pair of text.split(',')) {
      const [, name, value] = HEADER_PAIR.exec(pair) ?? []
      if (name === undefined || value === undefined) return undefined
      headers[name] = decodeURIComponent(value)
    }
    return headers
  },
}

/** A name, and a value of printable ASCII in which a percent sign begins a byte. */
const HEADER_PAIR = /^\s*([\w!#$&'*+.^`|~-]+)\s*=\s*((?:[!-$&-~]|%[2-7][\da-f])+)\s*$/i

/** One URL, or several, separated by commas. */
export function clusterUrl(...protocols: readonly string[]): ValueKind<string> {
  const one = url(...protocols)
  return {
    allowed: `${one.allowed}, or several such, separated by commas, for the nodes of a cluster`,
    parse: (text) => (text.split(',').every((part) => one.parse(part.trim()) !== undefined) ? text : undefined),
  }
}

/** Where pages come from: a scheme and a host, without a path; `*` for everywhere. */
export const ORIGINS: ValueKind<readonly string[]> = {
  allowed: 'origins such as https://ads.example, separated by commas, or * for all',
  parse: (text) => {
    const origins = text.split(',').map((part) => part.trim())
    return origins.every((origin) => origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin))
      ? origins
      : undefined
  },
}

/** What names in Redis begin with. Braces would be the hash tag of every key, and a cluster would keep all in one node. */
export const REDIS_PREFIX: ValueKind<string> = {
  allowed: 'up to 64 letters, digits and any of . _ : / -, without braces, by which a cluster places keys',
  parse: (text) => (/^[\w.:/-]{1,64}$/.test(text) ? text : undefined),
}

/** Names that a service answers under, without scheme and port; `*` for whatever name. */
export const HOST_NAMES: ValueKind<readonly string[]> = {
  allowed: 'host names such as ads.example, without a port, separated by commas, or * for all',
  parse: (text) => {
    const names = text.split(',').map((part) => part.trim().toLowerCase())
    return names.every(
      (name) => name === '*' || (URL.canParse(`http://${name}`) && new URL(`http://${name}`).hostname === name),
    )
      ? names
      : undefined
  },
}

/** Addresses, and networks as an address and how many of its bits are theirs. */
export const NETWORKS: ValueKind<readonly string[]> = {
  allowed: 'addresses or networks such as 10.0.0.0/8, separated by commas, or none',
  parse: (text) => {
    const networks = text === 'none' ? [] : text.split(',').map((part) => part.trim())
    return networks.every(isNetwork) ? networks : undefined
  },
}

function isNetwork(text: string): boolean {
  const [address = '', bits = '0', ...more] = text.split('/')
  const maxBits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return more.length === 0 && !address.includes('%') && /^\d{1,3}$/.test(bits) && Number(bits) <= maxBits
}

function startsWith(text: string, protocol: string): boolean {
  return text.toLowerCase().startsWith(`${protocol}//`)
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined
}

/** JavaScript itself takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/
