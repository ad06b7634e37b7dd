import {
  type ASTVisitor,
  type FieldNode,
  type FragmentSpreadNode,
  GraphQLError,
  type InlineFragmentNode,
  type NameNode,
  type ValidationContext,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Config } from '../config.ts'
import { badRequest } from '../graphql/errors.ts'
import { refuseIntrospection, withoutSuggestion } from '../graphql/introspection.ts'
import { type CostLimits, createCostRule } from '../graphql/query-cost.ts'
import { errorBody } from './json-response.ts'
import { isAcceptable } from './media-type.ts'

/** What an operation may come to, and whether it may ask for the schema. */
export type RefusalLimits = CostLimits & Pick<Config, 'introspection'>

/**
 * Gives a coded error to each request that Yoga refuses with an empty body or takes for a bug. What cannot be answered
 * in a media type that the client accepts is refused before it is executed.
 */
export function useCodedRefusals(limits: RefusalLimits): Plugin {
  const limitCost = createCostRule(limits)
  const tellsSchema = limits.introspection === 'on'
  return {
    onRequestParse({ request, requestParser, setRequestParser, endResponse, fetchAPI }) {
      if (!isAcceptable(request.headers.get('accept') ?? undefined)) {
        endResponse(refuse(fetchAPI, 406))
      } else if (requestParser) {
        setRequestParser(async (given) => {
          try {
            const params = await requestParser(given)
            if (Array.isArray(params)) throw badRequest(NO_BATCHES)
            return params
          } catch (error) {
            throw error instanceof SyntaxError ? badRequest(`A parameter is not JSON: ${error.message}.`) : error
          }
        })
      } else if (request.method === 'POST') {
        endResponse(refuse(fetchAPI, 415))
      }
    },
    onParse:
      () =>
      ({ result }) => {
        if (!(result instanceof GraphQLError)) return
        result.extensions.code ??= 'GRAPHQL_PARSE_FAILED'
        dropStack(result)
      },
    onValidate({ addValidationRule }) {
      addValidationRule(refuseProtoNames)
      addValidationRule(refuseConditionalSubscriptions)
      addValidationRule(limitCost)
      if (!tellsSchema) addValidationRule(refuseIntrospection)
      return ({ result }) => {
        for (const error of result) {
          if (!tellsSchema) error.message = withoutSuggestion(error.message)
          dropStack(error)
        }
      }
    },
    onResultProcess({ result, resultProcessor, setResultProcessor }) {
      if (resultProcessor) return
      // A subscription to a client that takes no stream.
      if (isAsyncIterable(result)) void result[Symbol.asyncIterator]().return?.()
      setResultProcessor((_result, fetchAPI) => refuse(fetchAPI, 406), 'application/json')
    },
  }
}

/**
 * Takes an error's stack away, which nobody is told. Yoga keeps the errors of a text for when it comes again, and V8 keeps
 * with an error what the functions of its stack were called on, until the stack is written down: its first request, with
 * its body and answer, and what validated it.
 */
function dropStack(error: Error): void {
  error.stack = error.message
}

/**
 * Makes the error of a query that is over a limit, instead of the one that a limiting plugin has made.
 * @param remedy what its sender may do, and which variable is the limit
 */
export function refuseQuery(remedy: string): (context: unknown, error: GraphQLError) => never {
  return (_context, { message }) => {
    throw new GraphQLError(`${message.replace(/^Syntax Error: /, '').replace(/\.$/, '')}: ${remedy}.`, {
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { spec: true, status: 400 } },
    })
  }
}

/** Values by a name that is __proto__ get lost in plain objects, which executors keep them in. */
function refuseProtoNames(context: ValidationContext): ASTVisitor {
  function check(name: NameNode | undefined): void {
    if (name?.value !== '__proto__') return
    context.reportError(new GraphQLError('__proto__ cannot be a name: choose another one.', { nodes: name }))
  }
  return { VariableDefinition: ({ variable }) => check(variable.name), Field: ({ alias }) => check(alias) }
}

/** A subscription of which a condition leaves nothing has no events; GraphQL forbids such conditions, and graphql-js breaks at them. */
function refuseConditionalSubscriptions(context: ValidationContext): ASTVisitor {
  function check(node: FieldNode | FragmentSpreadNode | InlineFragmentNode): void {
    if (context.getParentType() !== context.getSchema().getSubscriptionType()) return
    if (!node.directives?.some(({ name }) => name.value === 'skip' || name.value === 'include')) return
    context.reportError(
      new GraphQLError('A subscription’s field cannot have @skip or @include: leave it out.', { nodes: node }),
    )
  }
  return { Field: check, FragmentSpread: check, InlineFragment: check }
}

interface ResponseMaker {
  readonly Response: typeof Response
}

function refuse({ Response }: ResponseMaker, status: keyof typeof REFUSALS): Response {
  const { code, message, headers } = REFUSALS[status]
  return new Response(errorBody(code, message), {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
  })
}

const NO_BATCHES =
  'A request has one operation, not a list of them: send each on its own, or select all that is wanted in one document.'
const REFUSALS = {
  406: {
    code: 'NOT_ACCEPTABLE',
    message:
      'Accept must allow application/json or application/graphql-response+json; for a subscription, text/event-stream.',
    headers: {},
  },
  415: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: 'Content-Type must be application/json.',
    headers: { 'Accept-Post': 'application/json, application/graphql, application/x-www-form-urlencoded' },
  },
} as const
