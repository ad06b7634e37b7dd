import { MAX_PAGE_SIZE } from './builder.ts'
import { badUserInput } from './errors.ts'

/**
 * Checks a connection's page.
 * @throws GraphQLError BAD_USER_INPUT where `first` or `last` is not 0 to 100
 */
export function checkPage(args: { first?: number | null | undefined; last?: number | null | undefined }): void {
  for (const name of ['first', 'last'] as const) {
    const size = args[name]
    if (size === null || size === undefined || (size >= 0 && size <= MAX_PAGE_SIZE)) continue
    throw badUserInput(`${name} must be 0 to ${MAX_PAGE_SIZE}, not ${size}: take further rows with after or before.`)
  }
}
