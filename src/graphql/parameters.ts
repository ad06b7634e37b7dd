import { isObject } from '../is-object.ts'
import type { Variables } from './operations.ts'

/** The parameters of a GraphQL request, as every transport brings them. */
export interface Parameters {
  readonly query: string
  readonly operationName?: string | null
  readonly variables?: Variables
  readonly extensions?: Variables
}

/** Whether a value, parsed from JSON, has well-formed parameters; it may have more than those. */
export function hasParameters(value: unknown): value is Parameters {
  if (!isObject(value) || typeof value.query !== 'string') return false
  const { operationName, variables, extensions } = value
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return false
  return isObjectOrNone(variables) && isObjectOrNone(extensions)
}

function isObjectOrNone(value: unknown): boolean {
  return value === undefined || value === null || isObject(value)
}
