import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import type { GraphQLContext } from './context.ts'
import { page, parts } from './list-size.ts'

/** Rows of a connection's page where `first` and `last` say nothing. */
export const DEFAULT_PAGE_SIZE = 20
/** The most rows that `first` or `last` may ask for. */
export const MAX_PAGE_SIZE = 100

/** What a connection's field declares of its size. */
export const CONNECTION_PAGE = page({ max: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, sizedBy: ['first', 'last'] })

/** The types of the schema that are not inferred: context, scalars, defaults. */
export interface SchemaTypes {
  Context: GraphQLContext
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  Scalars: {
    CountryCode: { Input: string; Output: string }
    IPAddress: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    SafeInt: { Input: number; Output: number }
  }
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
}

/**
 * The Pothos builder that the files of schema/ add their types to when they are imported. It holds definitions alone:
 * what resolvers use comes with each operation's context.
 */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [PrismaPlugin, RelayPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.services.prisma,
    dmmf: getDatamodel(),
    maxConnectionSize: MAX_PAGE_SIZE,
    defaultConnectionSize: DEFAULT_PAGE_SIZE,
    onUnusedQuery: null,
  },
  relay: {
    // Their rows are counted where the connection is.
    nodesOnConnection: { extensions: parts(1) },
    edgesFieldOptions: { nullable: { list: false, items: false }, extensions: parts(1) },
    nodeFieldOptions: { nullable: false },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
  },
})
