import { Agent } from 'node:http'
import fc from 'fast-check'
import { openRawWebSocket, type RawWebSocket } from '../raw-websocket.ts'
import { type DocumentRequest, documentRequests } from './documents.ts'
import { editedBytes, editedJson } from './edits.ts'
import { heldIn, judgeAnswer, judgeRaw, judgeSession } from './judge.ts'
import { oddRequests, rawRequests } from './odd-requests.ts'
import { BID_REQUESTS, GRAPHQL_REQUESTS, ordinaryAuction } from './requests.ts'
import { runSession, type SocketSession } from './run-session.ts'
import { type FuzzRequest, sendRaw, sendRequest } from './send-request.ts'
import { socketSessions } from './socket-sessions.ts'

/** One thing that is sent. */
export type Fuzz =
  | { readonly kind: 'bytes' | 'json' | 'openrtb'; readonly path: string; readonly body: string }
  | { readonly kind: 'document'; readonly over: Over; readonly request: DocumentRequest }
  | { readonly kind: 'http'; readonly request: FuzzRequest }
  | { readonly kind: 'raw'; readonly bytes: string }
  | { readonly kind: 'socket'; readonly session: SocketSession }

type Over = 'json' | 'graphql-response' | 'event-stream' | 'multipart' | 'get' | 'websocket'

const OPENRTB = '/openrtb2/auction'
const GRAPHQL = '/graphql'
const graphqlTexts = GRAPHQL_REQUESTS.map((request) => JSON.stringify(request))
const bidRequestTexts = BID_REQUESTS.map((request) => JSON.stringify(request))

/** Those that most of what is kept is kept of: the documents that could be executed, and the others. */
export const documentFuzzes: fc.Arbitrary<Fuzz> = fc.record({
  kind: fc.constant('document' as const),
  over: fc.constantFrom<Over>(
    'json',
    'json',
    'websocket',
    'websocket',
    'graphql-response',
    'event-stream',
    'multipart',
    'get',
  ),
  request: documentRequests,
})

export const fuzzes: fc.Arbitrary<Fuzz> = fc.oneof(
  { weight: 3, arbitrary: body('bytes', GRAPHQL, editedBytes(graphqlTexts)) },
  { weight: 1, arbitrary: body('bytes', OPENRTB, editedBytes(bidRequestTexts)) },
  {
    weight: 1,
    arbitrary: body(
      'bytes',
      GRAPHQL,
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
  },
  {
    weight: 1,
    arbitrary: body(
      'json',
      GRAPHQL,
      fc.json({ maxDepth: 4 }).map((json) => Buffer.from(json).toString('latin1')),
    ),
  },
  { weight: 3, arbitrary: body('json', GRAPHQL, editedJson(GRAPHQL_REQUESTS)) },
  { weight: 4, arbitrary: body('openrtb', OPENRTB, editedJson(BID_REQUESTS)) },
  { weight: 6, arbitrary: documentFuzzes },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('http' as const), request: oddRequests }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('raw' as const), bytes: rawRequests }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('socket' as const), session: socketSessions }) },
)

/** How many requests or frames it is. */
export function bodiesOf(fuzz: Fuzz): number {
  if (fuzz.kind === 'document') return DOCUMENT_TIMES
  return fuzz.kind === 'socket' ? fuzz.session.frames.length : 1
}

export interface Fuzzer {
  /** @throws where an answer is not one that clients may see */
  send(fuzz: Fuzz): Promise<void>
  /** Runs an auction as anybody does, beside the others, over each transport. */
  sendOrdinary(): Promise<void>
  /** What was sent and answered so far: by kind, by status. */
  readonly counts: ReadonlyMap<string, number>
  /** How many auctions the answers told of, of supplies whose auctions are all answered. */
  acknowledged(): number
  dispose(): void
}

export async function createFuzzer(url: string): Promise<Fuzzer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const counts = new Map<string, number>()
  const sockets: RawWebSocket[] = [await openRawWebSocket(`${url}${GRAPHQL}`)]
  let acknowledged = 0
  let asked = 0
  return {
    send,
    async sendOrdinary() {
      const request = ordinaryAuction()
      const http = await overHttp('json', request)
      const socket = await overSocket(request)
      if (heldIn([http]) !== 1 || heldIn(socket) !== 1) throw new Error(`An auction beside: ${http} ${socket}`)
      acknowledged += 2
    },
    counts,
    acknowledged: () => acknowledged,
    dispose() {
      for (const socket of sockets) socket.dispose()
      agent.destroy()
    },
  }

  async function send(fuzz: Fuzz): Promise<void> {
    count(`kind ${fuzz.kind}`, bodiesOf(fuzz))
    if (fuzz.kind === 'document') {
      const { over, request } = fuzz
      for (let time = 0; time < DOCUMENT_TIMES; time++) {
        const isSubscription = request.query.startsWith('subscription')
        const texts =
          over === 'websocket' && !isSubscription
            ? await overSocket(request)
            : [await overHttp(over, request, isSubscription)]
        if (request.query.startsWith('mutation')) acknowledged += heldIn(texts)
      }
    } else if (fuzz.kind === 'http') {
      await answerTo(fuzz.request, false)
    } else if (fuzz.kind === 'raw') {
      judgeRaw(await sendRaw(url, fuzz.bytes))
    } else if (fuzz.kind === 'socket') {
      const answer = await runSession(url, fuzz.session)
      judgeSession(answer)
      count(`socket ${answer.status} closed ${answer.closeCode ?? 'by the client'}`)
    } else {
      const { path, body } = fuzz
      await answerTo({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body })
    }
  }

  async function overHttp(over: Over, request: object, mayStaySilent = false): Promise<string> {
    const accept = ACCEPT[over]
    const json = JSON.stringify(request)
    if (over === 'get') {
      const parameters = Object.entries(request).map(
        ([name, value]) =>
          `${name}=${encodeURIComponent(typeof value === 'string' ? Buffer.from(value).toString() : JSON.stringify(value))}`,
      )
      const path = `${GRAPHQL}?${parameters.join('&')}`
      // Node reads no more of a URL and headers than 16 KB.
      if (path.length < 15_000) return answerTo({ method: 'GET', path, headers: {}, mayStaySilent })
    }
    const headers = { 'content-type': 'application/json', ...(accept && { accept }) }
    return answerTo({
      method: 'POST',
      path: GRAPHQL,
      headers,
      body: Buffer.from(json).toString('latin1'),
      mayStaySilent,
    })
  }

  async function overSocket(request: object): Promise<string[]> {
    asked += 1
    return (sockets[0] as RawWebSocket).ask(`${asked}`, request as never)
  }

  async function answerTo(request: FuzzRequest, of: Agent | false = agent): Promise<string> {
    const answer = await sendRequest(url, of, request)
    judgeAnswer(answer, request.method)
    count(`status ${answer.status}`)
    return answer.text
  }

  function count(name: string, amount = 1): void {
    counts.set(name, (counts.get(name) ?? 0) + amount)
  }
}

function body(kind: 'bytes' | 'json' | 'openrtb', path: string, bodies: fc.Arbitrary<string>): fc.Arbitrary<Fuzz> {
  return bodies.map((text) => ({ kind, path, body: text }))
}

/** From the second time on the lanes take it. */
const DOCUMENT_TIMES = 2
const ACCEPT: Readonly<Partial<Record<Over, string>>> = {
  'graphql-response': 'application/graphql-response+json',
  'event-stream': 'text/event-stream',
  multipart: 'multipart/mixed',
}
