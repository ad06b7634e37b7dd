import type { IncomingMessage } from 'node:http'
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases'
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth'
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { GraphQLContext } from '../graphql/context.ts'
import { toClientError } from '../graphql/errors.ts'
import type { FrontDoor } from './front-door.ts'
import { refuseQuery, useCodedRefusals } from './refusals.ts'

export type Yoga = ReturnType<typeof createYogaServer>

export interface YogaDependencies {
  readonly schema: GraphQLSchema
  readonly frontDoor: FrontDoor
  readonly limits: QueryLimits
  readonly log: Logger
  /** Called with each error that is a bug. */
  readonly onUnexpected: (error: unknown) => void
}

/** What a document and its operations may have at most, and whether they may ask for the schema. */
export type QueryLimits = Pick<
  Config,
  'introspection' | 'maxQueryDepth' | 'maxQueryAliases' | 'maxQueryTokens' | 'maxQueryRows' | 'maxQueryValues'
>

/**
 * GraphQL over HTTP as Yoga does it: GET, SSE, multipart and every media type. Its parse and validate rules
 * hold for every transport; its request bodies are bounded before it.
 */
export function createYogaServer({ schema, frontDoor, limits, log, onUnexpected }: YogaDependencies) {
  return createYoga<NodeContext, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: ({ req }) => frontDoor.createContext({ transport: 'http', request: req }),
    cors: false,
    landingPage: false,
    maxRequestBodySize: false,
    multipart: false,
    logging: {
      debug: (...parts) => log.debug(parts.join(' ')),
      info: (...parts) => log.debug(parts.join(' ')),
      warn: (...parts) => log.warn(parts.join(' ')),
      // An error that a caller must not see is logged where it is masked.
      error: () => {},
    },
    maskedErrors: {
      maskError: (error) => toClientError(error, onUnexpected),
    },
    // Served before it, from memory.
    graphiql: false,
    plugins: [
      useFrontDoor(frontDoor),
      useCodedRefusals(limits),
      maxDepthPlugin({
        n: limits.maxQueryDepth,
        ignoreIntrospection: true,
        flattenFragments: true,
        onReject: [refuseQuery('nest less, or set MAX_QUERY_DEPTH higher')],
      }),
      maxAliasesPlugin({
        n: limits.maxQueryAliases,
        allowList: [],
        onReject: [refuseQuery('send several documents, or set MAX_QUERY_ALIASES higher')],
      }),
      maxTokensPlugin({
        n: limits.maxQueryTokens,
        onReject: [refuseQuery('send several documents, or set MAX_QUERY_TOKENS higher')],
      }),
    ],
  })
}

/** What Yoga knows of a request on Node.js. */
interface NodeContext {
  readonly req: IncomingMessage
}

/** Executes through the front door, as the lanes do. */
function useFrontDoor({ persisted, turnToRead, execute, subscribe, told }: FrontDoor): Plugin {
  return {
    onParams: ({ params, request, setParams }) => {
      const resolved = persisted.resolve(params.query ? params : withDocumentId(params, request))
      if (resolved instanceof GraphQLError) throw resolved
      setParams(resolved as GraphQLParams)
      return turnToRead()
    },
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe),
    // Of a stream the refusals to begin it alone: its events are the stream's own.
    onResultProcess: ({ result }) => {
      if ('errors' in result && result.errors) told(result.errors)
    },
  }
}

/** Parameters of a GET with the `documentId` in its URL, which Yoga leaves out. */
function withDocumentId(params: GraphQLParams, { method, url }: Request): GraphQLParams {
  if (method !== 'GET') return params
  const documentId = new URL(url).searchParams.get('documentId')
  return documentId === null ? params : Object.assign(params, { documentId })
}

export const GRAPHQL_PATH = '/graphql'
