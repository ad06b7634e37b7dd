import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GraphQLError } from 'graphql'
import type { KeyRing } from '../access/key-ring.ts'
import type { Role } from '../access/types.ts'
import { forbidden, unauthenticated } from '../graphql/errors.ts'
import { sendResult } from './json-response.ts'
import { resultMediaType } from './media-type.ts'

/**
 * Answers an HTTP request that brings no API key that holds, before anything of it is read, and returns true; does nothing
 * and returns false where it may go on.
 * @param role the only one that may
 */
export type KeyCheck = (request: IncomingMessage, response: ServerResponse, role?: Role) => boolean

/**
 * @param keyRing undefined: everybody may call
 * @param told called with the error of each refusal
 */
export function createKeyCheck(
  keyRing: KeyRing | undefined,
  told: (errors: readonly GraphQLError[]) => void,
): KeyCheck {
  return (request, response, role) => {
    if (keyRing === undefined) return false
    const caller = keyRing.callerOf(request.headers.authorization)
    if (caller !== undefined && (role === undefined || caller.role === role)) return false
    const error =
      caller === undefined
        ? unauthenticated()
        : forbidden(`An API key of the role ${caller.role} may not see this: it takes one of the role ${role}.`)
    const mediaType = resultMediaType(request.headers.accept) ?? 'application/json'
    sendResult(response, { errors: [error] }, mediaType, () => {})
    told([error])
    return true
  }
}
