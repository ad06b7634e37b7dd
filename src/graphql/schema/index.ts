import type { GraphQLSchema } from 'graphql'
import { builder } from '../builder.ts'
import { guardFields } from '../guard.ts'
import '../scalars.ts'
import './supply.ts'
import './bidder.ts'
import './stats.ts'
import './stats-history.ts'
import './auction.ts'
import './auction-receipt.ts'
import './confirm-impression.ts'

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be done.' })
builder.subscriptionType({ description: 'What can be watched.' })

/** Builds the GraphQL schema. It holds no resources: resolvers take what they use from each operation's context. */
export function createSchema(): GraphQLSchema {
  return guardFields(builder.toSchema({ sortSchema: false }))
}
