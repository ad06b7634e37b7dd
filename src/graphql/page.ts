import { MAX_PAGE_SIZE } from './builder.ts'
import { badUserInput } from './errors.ts'

interface PageArguments {
  readonly first?: number | null | undefined
  readonly last?: number | null | undefined
}

/**
 * Checks a connection's page.
 * @throws GraphQLError BAD_USER_INPUT where `first` or `last` is not 0 to 100, or both are there
 */
export function checkPage({ first, last }: PageArguments): void {
  if (isGiven(first) && isGiven(last)) {
    throw badUserInput('first and last exclude each other: give first, with after, or last, with before.')
  }
  if (isGiven(first)) checkSize('first', first, MAX_PAGE_SIZE, 'take further rows with after')
  if (isGiven(last)) checkSize('last', last, MAX_PAGE_SIZE, 'take further rows with before')
}

/**
 * Checks how many rows are asked for.
 * @throws GraphQLError BAD_USER_INPUT where it is not 0 to max
 */
export function checkSize(name: string, size: number, max: number, remedy: string): void {
  if (size < 0 || size > max) throw badUserInput(`${name} must be 0 to ${max}, not ${size}: ${remedy}.`)
}

/** The cursor of a row, from its id. */
export function cursorOf({ id }: { readonly id: string }): string {
  return Buffer.from(`${CURSOR_PREFIX}${id}`).toString('base64')
}

/**
 * The id that a cursor stands for, where there is one.
 * @throws GraphQLError BAD_USER_INPUT where it is none
 */
export function idOfCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const text = Buffer.from(cursor, 'base64').toString()
  if (!text.startsWith(CURSOR_PREFIX)) throw badUserInput(`Invalid cursor: ${cursor}`)
  return text.slice(CURSOR_PREFIX.length)
}

function isGiven(size: number | null | undefined): size is number {
  return size !== null && size !== undefined
}

/** As Pothos begins the cursors of other connections. */
const CURSOR_PREFIX = 'GPC:S:'
