import type { GraphQLContext } from '../graphql/context.ts'
import type { Operation } from '../graphql/operations.ts'

/**
 * Decides whether an operation may begin. The front door asks it once for each operation of every transport: each query
 * and mutation, and each subscription as it begins, not for its events.
 *
 * It answers with a ticket, or with a promise of one where the operation must wait for its turn; it refuses by throwing
 * or rejecting with a coded error (see graphql/errors.ts), which is then the operation's only answer. An operation that
 * waits is not given up by itself when its client leaves: `context.origin.request.socket.destroyed` says so.
 */
export type Admission = (
  context: GraphQLContext,
  operation: Pick<Operation, 'type' | 'cost'>,
) => Ticket | Promise<Ticket>

/**
 * Called exactly once, when a query or mutation has its result or a subscription has begun. Undefined where there is
 * nothing to give back: an operation that is admitted so, at once, costs no promise.
 */
export type Ticket = (() => void) | undefined

/** As it is without a bound. */
export const admitAll: Admission = () => undefined
