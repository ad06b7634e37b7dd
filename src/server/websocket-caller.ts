import { CloseCode } from 'graphql-ws'
import type { KeyRing } from '../access/key-ring.ts'
import type { Connection } from './websocket-protocol.ts'

/**
 * Takes the key that a WebSocket's client introduces itself with: `Authorization` in the payload of its connection_init,
 * however it is capitalized, or else the header of the request that opened it. Closes the connection where there is none
 * that holds, and returns false; and later, when the key does not hold any more.
 */
export function introduceCaller(keyRing: KeyRing, { connectionParams = {}, extra }: Connection): boolean {
  const { origin, close } = extra
  const name = Object.keys(connectionParams).find((key) => key.toLowerCase() === 'authorization')
  const authorization = name === undefined ? origin.request.headers.authorization : connectionParams[name]
  const caller = keyRing.callerOf(typeof authorization === 'string' ? authorization : undefined)
  if (caller === undefined) {
    close(CloseCode.Forbidden, NO_KEY)
    return false
  }
  origin.caller = caller
  extra.forgetCaller = caller.onRevoked(() => close(CloseCode.Forbidden, KEY_REVOKED))
  return true
}

/** A close frame has room for 123 bytes. */
const NO_KEY = 'API key missing or not valid: send { "Authorization": "Bearer auk_..." } in connection_init'
const KEY_REVOKED = 'The API key was revoked or changed, or has expired'
