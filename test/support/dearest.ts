import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { nextAddress } from './load.ts'

const STATS = `id supplyId totalRequests requestsPerCountry { country requests }
  bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue }`

/** The dearest operations that the cost rule lets pass, on a catalogue with `bidder0` and further. */
export const DEAREST: readonly string[] = [
  `{ stats { ${STATS} } }`,
  `{ supplies(first: 100) { nodes { id bidders(first: 98) { id country } stats { ${STATS} } } } }`,
  '{ bidders(first: 99) { nodes { id country supplies(first: 100) { totalCount nodes { id } } } } }',
  `{ bidder(id: "bidder0") { supplies(first: 100) { totalCount edges { cursor node { id stats { ${STATS} } } } } } }`,
  `{ ${aliases(11, (n) => `supplies(${n % 2 ? 'last' : 'first'}: 100) { totalCount nodes { id stats { ${STATS} } } }`)} }`,
  `{ ${aliases(15, (n) => `bidder(id: "bidder${n}") { supplies(last: 100) { totalCount nodes { id stats { totalRequests requestsPerCountry { requests } } } } }`)} }`,
  `{ ${aliases(7, () => 'stats { id totalRequests requestsPerCountry { requests } }')} }`,
]

/** How many operations came out how: a status with its error's code, or what a WebSocket was sent. */
export type Outcomes = Map<string, number>

/** Posts an operation and drains the answer without parsing it, for it may have megabytes. */
export async function postDrained(agent: Agent, url: string, query: string, outcomes: Outcomes): Promise<void> {
  const { status, start } = await post(agent, url, { query })
  count(outcomes, `${status} ${codeIn(start)}`.trim())
}

/** Sends operations over one WebSocket, all at once; resolves when each is complete or refused. */
export function askDrained(url: string, queries: readonly string[], outcomes: Outcomes): Promise<void> {
  let left = queries.length
  return overWebSocket(url, queries, (message) => {
    const code = codeIn(message)
    if (code) count(outcomes, code)
    const isEnd = message.includes('"type":"complete"') || message.includes('"type":"error"')
    if (!isEnd) return false
    if (message.includes('"type":"complete"')) count(outcomes, 'complete')
    left -= 1
    return left === 0
  }).then((closed) => {
    if (left > 0) count(outcomes, `closed with ${closed}`)
  })
}

/** Begins subscriptions to all supplies over one WebSocket, all at once; resolves when each was told of every supply. */
export async function startDrained(url: string, starts: number, supplies: number, outcomes: Outcomes): Promise<void> {
  let values = 0
  const queries = Array.from({ length: starts }, () => `subscription { statsUpdated { ${STATS} } }`)
  const closed = await overWebSocket(url, queries, (message) => {
    const code = codeIn(message)
    if (code) count(outcomes, code)
    values += 1
    return values >= starts * supplies
  })
  count(outcomes, values >= starts * supplies ? 'all told' : `closed with ${closed}`)
}

/** Runs an auction for each, some at a time. */
export async function runEach(url: string, pairs: readonly (readonly [string, string])[]): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const left = pairs.values()
  const work = async () => {
    for (const [supplyId, country] of left) await post(agent, url, auction(supplyId, country))
  }
  await Promise.all(Array.from({ length: 16 }, work))
  agent.destroy()
}

/**
 * Runs an auction every few milliseconds until something is done, whatever became of the ones before, over connections
 * that are open already, as a publisher's servers keep them.
 * @param begin starts what the auctions run beside
 * @returns how long after it was due each was answered, in milliseconds
 * @throws where one was not answered
 */
export async function probeAuctions(
  url: string,
  supplyIds: readonly string[],
  begin: () => Promise<unknown>,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: PROBE_CONNECTIONS })
  await Promise.all(Array.from({ length: PROBE_CONNECTIONS }, () => post(agent, url, { query: '{ __typename }' })))
  const done = begin()
  let isDone = false
  const end = () => {
    isDone = true
  }
  void done.then(end, end)
  const latenciesMs: Promise<number>[] = []
  let dueAt = performance.now()
  for (let index = 0; !isDone; index += 1) {
    dueAt += PROBE_INTERVAL_MS
    await delay(Math.max(0, dueAt - performance.now()))
    latenciesMs.push(probe(supplyIds[index % supplyIds.length] ?? '', dueAt))
  }
  await done
  const all = await Promise.all(latenciesMs)
  agent.destroy()
  return all

  async function probe(supplyId: string, at: number): Promise<number> {
    const { status, start } = await post(agent, url, auction(supplyId, 'US'))
    if (status !== 200 || codeIn(start)) throw new Error(`An auction was answered with ${status}: ${start}`)
    return performance.now() - at
  }
}

/** The value below which that share of the values is. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function auction(supplyId: string, country: string): unknown {
  return {
    query: `mutation ($input: RunAuctionInput!) {
      runAuction(input: $input) { __typename ... on Auction { id price responses { bidderId outcome } } }
    }`,
    variables: { input: { supplyId, country, ip: nextAddress(), tmax: 100 } },
  }
}

/** Posts and drains; status 0 where no whole answer came. */
function post(agent: Agent, url: string, payload: unknown): Promise<{ status: number; start: string }> {
  const body = JSON.stringify(payload)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve) => {
    const sent = request(url, { agent, method: 'POST', headers })
    sent.on('error', (error) => resolve({ status: 0, start: String(error) }))
    sent.on('response', (response) => {
      let start = ''
      response.on('data', (part: Buffer) => {
        if (start.length < START_BYTES) start += part.toString('latin1', 0, START_BYTES)
      })
      response.on('error', (error) => resolve({ status: 0, start: String(error) }))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, start }))
    })
    sent.end(body)
  })
}

/** Sends operations all at once, and closes when `onMessage` says that it is enough; gives the code it was closed with. */
function overWebSocket(
  url: string,
  queries: readonly string[],
  onMessage: (start: string) => boolean,
): Promise<number> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { skipUTF8Validation: true })
  socket.on('error', () => {})
  socket.on('open', () => socket.send('{"type":"connection_init"}'))
  socket.on('message', (data: Buffer) => {
    const start = data.toString('latin1', 0, START_BYTES)
    if (start.includes('"connection_ack"')) {
      for (const [id, query] of queries.entries()) {
        socket.send(JSON.stringify({ id: `${id}`, type: 'subscribe', payload: { query } }))
      }
    } else if (onMessage(start)) socket.close()
  })
  return new Promise((resolve) => socket.on('close', resolve))
}

function aliases(times: number, field: (index: number) => string): string {
  return Array.from({ length: times }, (_, index) => `a${index}: ${field(index)}`).join(' ')
}

function codeIn(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? ''
}

function count(outcomes: Outcomes, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

const PROBE_INTERVAL_MS = 5
const PROBE_CONNECTIONS = 64
/** As much of an answer is looked at. */
const START_BYTES = 2000
