// The baseline: node:http alone, JSON in, JSON out, no GraphQL, the same checks and the same auction.
import { createServer } from 'node:http'
import { DIST } from '../dist.mjs'
import { config, createServices } from './services.mjs'

/** @type {typeof import('../../../src/auction/tmax.ts')} */
const { TMAX_MS } = await import(`${DIST}auction/tmax.js`)
/** @type {typeof import('../../../src/catalog/country.ts')} */
const { isCountryCode } = await import(`${DIST}catalog/country.js`)
/** @type {typeof import('../../../src/rate-limit/key.ts')} */
const { isIPAddress } = await import(`${DIST}rate-limit/key.js`)

const { auctioneer } = createServices()

createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    let input
    try {
      input = JSON.parse(body.toString())
    } catch {
      return fail(response, 400, 'BAD_REQUEST')
    }
    const { supplyId, ip, country, tmax } = input ?? {}
    const isValid =
      typeof supplyId === 'string' &&
      typeof ip === 'string' &&
      isIPAddress(ip) &&
      typeof country === 'string' &&
      isCountryCode(country) &&
      Number.isInteger(tmax) &&
      tmax >= TMAX_MS.min &&
      tmax <= TMAX_MS.max
    if (!isValid) return fail(response, 400, 'BAD_USER_INPUT')
    const result = auctioneer.run({ supplyId, ip, country, tmaxMs: tmax })
    if (result instanceof Promise) result.then((settled) => answer(response, settled))
    else answer(response, result)
  })
}).listen(config.port, config.host)

function answer(response, result) {
  if (result.type === 'RATE_LIMITED') return fail(response, 429, 'RATE_LIMITED')
  send(response, 200, { data: { runAuction: toJson(result) } })
}

function toJson(result) {
  if (result.type === 'SUPPLY_NOT_FOUND') return { __typename: 'SupplyNotFoundError', message: 'No such supply.' }
  if (result.type === 'NO_ELIGIBLE_BIDDERS') return { __typename: 'NoEligibleBiddersError', message: 'No bidders.' }
  const { auction } = result
  const responses = auction.responses.map(({ bidderId, outcome, priceMicros, latencyMs }) => ({
    bidderId,
    outcome,
    price: priceMicros === null ? null : priceMicros / 1e6,
    latencyMs,
  }))
  if (!auction.winner) return { __typename: 'NoBidsError', message: 'Every bidder declined or timed out.', responses }
  return {
    __typename: 'Auction',
    id: auction.id,
    supplyId: auction.supplyId,
    country: auction.country,
    tmax: auction.tmaxMs,
    winner: { id: auction.winner.id, country: auction.winner.country },
    price: auction.priceMicros / 1e6,
    responses,
    startedAt: new Date(auction.startedAtMs).toISOString(),
    durationMs: auction.durationMs,
  }
}

function fail(response, status, code) {
  send(response, status, { errors: [{ message: code, extensions: { code } }] })
}

function send(response, status, value) {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}
