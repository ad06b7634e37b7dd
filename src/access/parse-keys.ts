import { idProblem } from '../catalog/id.ts'
import { isObject } from '../is-object.ts'
import { INSTANT } from '../value-kinds.ts'
import { AccessError, type ApiKey, ROLES } from './types.ts'

/** The most keys of a file. */
export const KEYS_MAX = 10_000
/** The most supplies that a key may name. */
export const SUPPLIES_MAX = 10_000
/** What a key's rate may be. */
export const RATE_MAX = 100_000
export const RATE_WINDOW_MS_MAX = 86_400_000

/**
 * Reads the text of a file of keys. What it does not know it refuses: a field that is misspelt would open what it was to
 * close.
 * @param path for messages
 * @throws AccessError naming the field and what it must be
 */
export function parseKeys(text: string, path: string): ApiKey[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new AccessError(`${path} is not JSON: ${(error as SyntaxError).message}.`)
  }
  if (!isObject(json) || !Array.isArray(json.keys) || Object.keys(json).length > 1) {
    throw new AccessError(`${path} must be an object with a list of keys: { "keys": [] }.`)
  }
  const { keys } = json
  if (keys.length > KEYS_MAX) throw new AccessError(`${path} may have ${KEYS_MAX} keys at most, not ${keys.length}.`)
  const ids = new Set<string>()
  for (const [index, key] of keys.entries()) {
    const problem = problemOf(key, `keys[${index}]`)
    if (problem !== undefined) throw new AccessError(`${path}: ${problem}.`)
    if (ids.has(key.id)) throw new AccessError(`${path}: keys[${index}].id repeats ${key.id}.`)
    ids.add(key.id)
  }
  return keys
}

function problemOf(key: unknown, at: string): string | undefined {
  if (!isObject(key)) return `${at} must be an object`
  for (const field of Object.keys(key)) {
    if (!Object.hasOwn(FIELDS, field)) return `${at} has a field ${JSON.stringify(field)}, which no key has`
  }
  for (const [field, { allowed, holds, isOptional = false }] of Object.entries<Field>(FIELDS)) {
    const value = key[field]
    if (value === undefined ? !isOptional : !holds(value)) return `${at}.${field} must be ${allowed}`
  }
  if (key.role === 'admin' && key.supplies !== undefined) {
    return `${at} is an admin's, who may do all: leave its supplies out, or take another role`
  }
  return undefined
}

interface Field {
  /** Finishes the sentence "it must be …". */
  readonly allowed: string
  readonly holds: (value: unknown) => boolean
  readonly isOptional?: boolean
}

const FIELDS: Readonly<Record<keyof ApiKey, Field>> = {
  id: { allowed: '12 hexadecimal digits', holds: (value) => isText(value) && /^[\da-f]{12}$/.test(value) },
  name: { allowed: 'a text of 1 to 100 characters', holds: (value) => isText(value) && /^.{1,100}$/u.test(value) },
  role: { allowed: `one of ${ROLES.join(', ')}`, holds: (value) => ROLES.some((role) => role === value) },
  hash: { allowed: '64 hexadecimal digits', holds: (value) => isText(value) && /^[\da-f]{64}$/.test(value) },
  supplies: {
    allowed: `a list of 1 to ${SUPPLIES_MAX} ids of supplies, or left out for all`,
    holds: (value) =>
      Array.isArray(value) &&
      isWithin(value.length, SUPPLIES_MAX) &&
      value.every((id) => isText(id) && idProblem(id) === undefined),
    isOptional: true,
  },
  rate: {
    allowed: `{ "max": 1 to ${RATE_MAX}, "windowMs": 1 to ${RATE_WINDOW_MS_MAX} }, or left out for none`,
    holds: (value) =>
      isObject(value) &&
      Object.keys(value).length === 2 &&
      isWithin(value.max, RATE_MAX) &&
      isWithin(value.windowMs, RATE_WINDOW_MS_MAX),
    isOptional: true,
  },
  createdAt: { allowed: INSTANT.allowed, holds: isInstant },
  expiresAt: { allowed: `${INSTANT.allowed}, or left out for never`, holds: isInstant, isOptional: true },
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isWithin(value: unknown, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max
}

function isInstant(value: unknown): boolean {
  return isText(value) && INSTANT.parse(value) !== undefined
}
