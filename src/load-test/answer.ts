import type { Answer, AnsweredResponse } from './types.ts'

/**
 * Reads what came back over HTTP.
 * @param tmaxMs what the request said
 */
export function readHttpAnswer(status: number, body: string, tmaxMs: number): Answer {
  const result = parseResult(body)
  if (!result) return { errorCode: `HTTP ${status}` }
  const answer = readResult(result, tmaxMs)
  const isCoded = answer.errorCode !== undefined && answer.errorCode !== NO_CODE
  if (status >= 200 && status < 300) return answer
  return isCoded ? answer : { errorCode: `HTTP ${status}` }
}

/** Reads one GraphQL result. */
export function readResult({ data, errors }: GraphQLResult, tmaxMs: number): Answer {
  if (errors) return { errorCode: errors[0]?.extensions?.code ?? NO_CODE }
  const result = data?.runAuction
  if (typeof result?.__typename !== 'string') return { errorCode: NO_RESULT }
  const { __typename: resultType, responses } = result
  if (!responses) return { resultType }
  const biddersMs = biddersTime(responses, tmaxMs)
  return biddersMs === undefined ? { resultType, responses } : { resultType, responses, biddersMs }
}

/** What the load test reads of a GraphQL result. */
export interface GraphQLResult {
  readonly data?: { readonly runAuction?: RunAuctionResult | null } | null
  readonly errors?: readonly { readonly message?: string; readonly extensions?: { readonly code?: string } }[]
}

interface RunAuctionResult {
  readonly __typename?: string
  readonly responses?: readonly AnsweredResponse[]
}

/** When the auction could end at the earliest; undefined where a bidder's time is not known. */
function biddersTime(responses: readonly AnsweredResponse[], tmaxMs: number): number | undefined {
  let slowestMs = 0
  for (const { outcome, latencyMs } of responses) {
    if (outcome === 'TIMED_OUT') return tmaxMs
    if (outcome === 'SKIPPED') continue
    if (latencyMs === null) return undefined
    if (latencyMs > slowestMs) slowestMs = latencyMs
  }
  return slowestMs
}

function parseResult(body: string): GraphQLResult | undefined {
  try {
    const result: unknown = JSON.parse(body)
    return typeof result === 'object' && result !== null ? result : undefined
  } catch {
    return undefined
  }
}

/** The code of a GraphQL error that has none. */
const NO_CODE = 'GRAPHQL_ERROR'
/** The code of an answer that is neither a result nor an error. */
const NO_RESULT = 'NO_RESULT'
