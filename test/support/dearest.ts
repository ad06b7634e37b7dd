import { Agent, request } from 'node:http'
import { WebSocket } from 'ws'
import { nextAddress } from './load.ts'

const STATS = `id supplyId totalRequests requestsPerCountry { country requests }
  bidders { bidderId wins losses noBids timeouts totalRevenue }`

/** The dearest operations that the cost rule lets pass, by what they are, on a catalogue with `bidder0` and further. */
export const DEAREST: Readonly<Record<string, string>> = {
  'a whole page of statistics': `{ stats { ${STATS} } }`,
  'supplies with bidders and statistics': `{ supplies(first: 100) { nodes { id bidders(first: 98) { id country } stats { ${STATS} } } } }`,
  'bidders with supplies':
    '{ bidders(first: 99) { nodes { id country supplies(first: 100) { totalCount nodes { id } } } } }',
  'supplies of a bidder with statistics': `{ bidder(id: "bidder0") { supplies(first: 100) { totalCount edges { cursor node { id stats { ${STATS} } } } } } }`,
  'pages of supplies, by aliases': `{ ${aliases(11, (n) => `supplies(${n % 2 ? 'last' : 'first'}: 100) { totalCount nodes { id stats { ${STATS} } } }`)} }`,
  'pages of bidders’ supplies, by aliases': `{ ${aliases(15, (n) => `bidder(id: "bidder${n}") { supplies(last: 100) { totalCount nodes { id stats { ${STATS.split('bidders')[0]} } } } }`)} }`,
  'few statistics of many supplies, by aliases': `{ ${aliases(9, () => 'stats { id totalRequests requestsPerCountry { requests } }')} }`,
}

/** What became of many operations. */
export interface DearAnswers {
  /** How many there were of each outcome: a status, with its error code where it has one. */
  readonly outcomes: Map<string, number>
  bytes: number
  readonly latenciesMs: number[]
}

export function noAnswers(): DearAnswers {
  return { outcomes: new Map(), bytes: 0, latenciesMs: [] }
}

/** Posts an operation and drains the answer without parsing it, for it may have megabytes. */
export function postDrained(agent: Agent, url: string, query: string, answers: DearAnswers): Promise<void> {
  const body = JSON.stringify({ query })
  const sentAt = performance.now()
  return new Promise((resolve) => {
    const end = (outcome: string) => {
      answers.latenciesMs.push(performance.now() - sentAt)
      count(answers, outcome)
      resolve()
    }
    const sent = request(url, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    sent.on('error', (error) => end(String(error)))
    sent.on('response', (response) => {
      let start = ''
      response.on('data', (part: Buffer) => {
        answers.bytes += part.length
        if (start.length < 2000) start += part.toString('latin1', 0, 2000)
      })
      response.on('error', (error) => end(String(error)))
      response.on('end', () => end(`${response.statusCode} ${codeIn(start)}`.trim()))
    })
    sent.end(body)
  })
}

/** Sends operations over one WebSocket, all at once; resolves when each is complete or refused. */
export async function askDrained(url: string, queries: readonly string[], answers: DearAnswers): Promise<void> {
  const socket = new WebSocket(url, 'graphql-transport-ws', { skipUTF8Validation: true })
  await new Promise<void>((resolve) => {
    let left = queries.length
    const end = (outcome: string) => {
      count(answers, outcome)
      left -= 1
      if (left === 0) socket.close()
    }
    socket.on('close', (code) => {
      while (left > 0) end(`closed ${code}`)
      resolve()
    })
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    socket.on('message', (data: Buffer) => {
      answers.bytes += data.length
      const start = data.toString('latin1', 0, 2000)
      if (start.includes('"connection_ack"')) {
        queries.forEach((query, id) => {
          socket.send(JSON.stringify({ id: `${id}`, type: 'subscribe', payload: { query } }))
        })
      } else if (start.includes('"type":"error"')) end(`error ${codeIn(start)}`)
      else if (start.includes('"type":"complete"')) end('complete')
      else if (codeIn(start)) count(answers, `next ${codeIn(start)}`)
    })
    socket.on('error', () => {})
  })
}

const RUN_AUCTION = `mutation ($input: RunAuctionInput!) {
  runAuction(input: $input) { __typename ... on Auction { id price responses { bidderId outcome } } }
}`

/**
 * Runs an auction every few milliseconds, whatever became of the ones before, and gives how long after it was due each was
 * answered.
 */
export async function probeAuctions(
  url: string,
  {
    supplyIds,
    durationMs,
    whileRunning,
  }: { supplyIds: readonly string[]; durationMs?: number; whileRunning?: Promise<unknown> },
): Promise<{ latenciesMs: number[]; failed: number }> {
  const agent = new Agent({ keepAlive: true })
  const latenciesMs: number[] = []
  let failed = 0
  let isRunning = true
  const until = whileRunning ?? new Promise((resolve) => setTimeout(resolve, durationMs))
  void until.then(() => {
    isRunning = false
  })
  const asked: Promise<void>[] = []
  let dueAt = performance.now()
  for (let index = 0; isRunning; index += 1) {
    dueAt = Math.max(dueAt + PROBE_INTERVAL_MS, performance.now() - 1000)
    const waitMs = dueAt - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    asked.push(one(supplyIds[index % supplyIds.length] ?? '', dueAt))
  }
  await Promise.all(asked)
  agent.destroy()
  return { latenciesMs, failed }

  async function one(supplyId: string, at: number): Promise<void> {
    const input = { supplyId, country: 'US', ip: nextAddress(), tmax: 100 }
    const body = JSON.stringify({ query: RUN_AUCTION, variables: { input } })
    const ok = await new Promise<boolean>((resolve) => {
      const sent = request(url, {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      })
      sent.on('error', () => resolve(false))
      sent.on('response', (response) => {
        response.resume()
        response.on('error', () => resolve(false))
        response.on('end', () => resolve(response.statusCode === 200))
      })
      sent.end(body)
    })
    if (ok) latenciesMs.push(performance.now() - at)
    else failed += 1
  }
}

function aliases(times: number, field: (index: number) => string): string {
  return Array.from({ length: times }, (_, index) => `a${index}: ${field(index)}`).join(' ')
}

function codeIn(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? ''
}

function count({ outcomes }: DearAnswers, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

const PROBE_INTERVAL_MS = 5
