import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { beginAnswer, sendError } from './json-response.ts'
import type { KeyCheck } from './key-check.ts'
import { isForm } from './media-type.ts'
import { forbiddenOrigin, type Origins } from './origins.ts'
import type { Yoga } from './yoga.ts'

/**
 * Hands a request over to Yoga, or refuses what that must not see, or would not refuse as it should.
 * @param body what was read of it before; undefined where it has none
 */
export type HandOver = (request: IncomingMessage, response: ServerResponse, body?: Buffer) => void

export interface HandOverDependencies {
  readonly yoga: Yoga
  readonly origins: Pick<Origins, 'isAllowed'>
  readonly refuseWithoutKey: KeyCheck
}

export function createHandOver({ yoga, origins, refuseWithoutKey }: HandOverDependencies): HandOver {
  return (request, response, body) => {
    if (refuseWithoutKey(request, response)) return
    const { headers } = request
    // Yoga makes a URL of it, outside of what handles its errors.
    if (!isHost(headers.host)) {
      sendError(response, 400, 'BAD_REQUEST', 'The Host header is not a host.')
      return
    }
    // A form of any page is sent without asking, and answered by Yoga as JSON is.
    if (isForm(headers['content-type']) && !origins.isAllowed(request)) {
      sendError(response, 403, 'FORBIDDEN_ORIGIN', forbiddenOrigin(headers.origin))
      return
    }
    // Media types are the same in upper case, which Yoga does not know.
    if (headers['content-type']) headers['content-type'] = headers['content-type'].toLowerCase()
    // Yoga takes a body that was read before from the request's `body`; an empty one it would wait for.
    if (body) Object.assign(request, { body: body.length > 0 ? body : Readable.from([]) })
    beginAnswer(request, response)
    void yoga(request, response)
  }
}

/** What has a path, a query or a user in it makes a URL of another path, which Yoga answers with an empty body. */
function isHost(host = 'localhost'): boolean {
  return !/[\s/\\?#@]/.test(host) && URL.canParse(`http://${host}`)
}
