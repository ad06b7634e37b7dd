import { isObject } from '../../is-object.ts'

/** A bid request that no auction can be held for; the message says which field, and what it should be. */
export class BidRequestError extends Error {
  override readonly name = 'BidRequestError'
}

export type Json = Readonly<Record<string, unknown>>

export function text(value: unknown, path: string): string {
  if (typeof value === 'string' && value.length > 0) return value
  throw new BidRequestError(`${path} must be a text, and is missing or something else.`)
}

export function texts(value: unknown, path: string): readonly string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw new BidRequestError(`${path} must be a list of texts.`)
}

export function optionalObject(value: unknown, path: string): Json | undefined {
  if (value === undefined || isObject(value)) return value
  throw new BidRequestError(`${path} must be an object.`)
}

/** Whether there are more than so many lists and objects within each other. Looks no deeper. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((child) => isDeeperThan(child, levels - 1))
}
