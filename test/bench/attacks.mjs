// What an attacker may do, each over raw sockets, so that it costs less to do than to bear.
import { connect } from 'node:net'

/**
 * @typedef {{ readonly port: number, readonly supplies: readonly string[] }} Target
 * @typedef {ReturnType<typeof createCrowd>} Crowd
 */

/**
 * Each begins when it is called, and goes on until its crowd is disposed.
 * @type {Readonly<Record<string, (crowd: Crowd, target: Target) => void>>}
 */
export const ATTACKS = {
  '10,000 subscriptions on one socket': (crowd) => {
    greet(crowd, (socket) => {
      for (let id = 0; id < 10_000; id++) socket.write(frame(subscription(id, 50)))
    })
  },
  '20 sockets of 250 subscriptions': (crowd) => {
    for (let count = 0; count < 20; count++) {
      greet(crowd, (socket) => {
        for (let id = 0; id < 250; id++) socket.write(frame(subscription(id, 50)))
      })
    }
  },
  '200 SSE clients that never read': (crowd) => {
    for (let count = 0; count < 200; count++) crowd.openUnread(post(body(SUBSCRIPTION, { minIntervalMs: 50 }), SSE))
  },
  'pipelined requests, answers never read': (crowd, { supplies }) => {
    const request = post(body(`{ stats(supplyIds: ${JSON.stringify(supplies)}) { supplyId totalRequests } }`))
    crowd.often(5, () => crowd.openUnread(request.repeat(500)))
  },
  'tiny pipelined requests, answers never read': (crowd) => {
    crowd.often(5, () => crowd.openUnread('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5000)))
  },
  '200 GraphiQL pages that nobody reads': (crowd) => {
    for (let count = 0; count < 200; count++) crowd.openUnread(PAGE)
  },
  '1,000 half headers': (crowd) => {
    for (let count = 0; count < 1000; count++) crowd.open('POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  },
  '1,000 half bodies': (crowd) => {
    const request = post(body('{ __typename }'))
    for (let count = 0; count < 1000; count++) crowd.open(request.slice(0, -5))
  },
  '10,000 WebSockets that say nothing': (crowd) => {
    for (let count = 0; count < 10_000; count++) crowd.open(webSocket())
  },
  '10,000 idle WebSockets that have said hello': (crowd) => {
    for (let count = 0; count < 10_000; count++) crowd.open(Buffer.concat([webSocket(), frame(INIT)]))
  },
  'a WebSocket that never stops sending': (crowd) => {
    const socket = crowd.open(webSocket())
    crowd.flood(socket, Buffer.concat([frame(INIT), ...Array.from({ length: 2000 }, () => frame('{"type":"ping"}'))]))
  },
  'pings whose pongs nobody reads': (crowd) => {
    const socket = crowd.openUnread(webSocket())
    crowd.flood(socket, Buffer.concat(Array.from({ length: 500 }, () => frame('p'.repeat(120), 9))))
  },
  'frames of 10 MB': (crowd) => {
    crowd.often(20, () => crowd.open(Buffer.concat([webSocket(), frame('x'.repeat(10_000_000))])))
  },
  'bodies of 10 MB': (crowd) => {
    crowd.often(20, () => crowd.open(post('x'.repeat(10_000_000))))
  },
  '10,000 aliases': (crowd) => {
    crowd.often(50, () => crowd.open(post(body(`{ ${aliases(10_000)} }`))))
  },
  'circular fragments': (crowd) => {
    let count = 0
    crowd.often(100, () => crowd.open(post(body(`{ ...A${count} } ${circle(20, count++)}`))))
  },
}

/**
 * The connections of one attack.
 * @param {number} port
 */
export function createCrowd(port) {
  const sockets = new Set()
  const timers = new Set()
  let opened = 0
  let broken = 0
  /** Beyond what this process may have open an attack goes on with what it has. */
  const open = (/** @type {string | Buffer} */ bytes) => {
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    opened++
    socket.on('error', () => broken++)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', () => {})
    socket.write(bytes)
    return socket
  }
  return {
    open,
    /** One that takes nothing of what it is sent. */
    openUnread: (/** @type {string | Buffer} */ bytes) => open(bytes).pause(),
    /** Again and again, so many times a second. */
    often(/** @type {number} */ perSecond, /** @type {() => void} */ again) {
      timers.add(setInterval(again, 1000 / perSecond))
      again()
    },
    /** The same bytes without end, as quickly as they are taken. */
    flood(/** @type {import('node:net').Socket} */ socket, /** @type {Buffer} */ bytes) {
      const again = () => {
        while (!socket.destroyed && socket.write(bytes));
      }
      socket.on('drain', again)
      again()
    },
    counts: () => ({ opened, broken, open: sockets.size }),
    dispose() {
      for (const timer of timers) clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    },
  }
}

const SUBSCRIPTION = `subscription ($minIntervalMs: Int!) { statsUpdated(minIntervalMs: $minIntervalMs) {
  supplyId totalRequests requestsPerCountry { country requests } bidders { bidderId wins losses noBids timeouts totalRevenue }
} }`
const INIT = '{"type":"connection_init"}'
const SSE = 'Accept: text/event-stream\r\n'
const PAGE = 'GET /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n'

/**
 * A WebSocket that may subscribe: its client has said hello, and been answered.
 * @param {Crowd} crowd
 * @param {(socket: import('node:net').Socket) => void} then
 */
function greet(crowd, then) {
  const socket = crowd.open(Buffer.concat([webSocket(), frame(INIT)]))
  socket.on('data', function look(data) {
    if (!String(data).includes('connection_ack')) return
    socket.off('data', look)
    then(socket)
  })
}

/** @param {string} query @param {object} [variables] */
function body(query, variables = {}) {
  return JSON.stringify({ query, variables })
}

/** @param {string} text @param {string} [headers] */
function post(text, headers = '') {
  const length = Buffer.byteLength(text)
  return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}Content-Length: ${length}\r\n\r\n${text}`
}

function webSocket() {
  return Buffer.from(
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
}

/** A client's frame, masked with zeros. @param {string} text @param {number} [opcode] 1 is text, 9 a ping */
function frame(text, opcode = 1) {
  const payload = Buffer.from(text)
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | length, 0, 0, 0, 0]), payload])
  const head = Buffer.alloc(14)
  head.writeUInt8(0x80 | opcode)
  head.writeUInt8(0x80 | 127, 1)
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

/** @param {number} id @param {number} minIntervalMs */
function subscription(id, minIntervalMs) {
  return JSON.stringify({
    id: String(id),
    type: 'subscribe',
    payload: { query: SUBSCRIPTION, variables: { minIntervalMs } },
  })
}

/** @param {number} count */
function aliases(count) {
  return Array.from({ length: count }, (_, index) => `a${index}: __typename`).join(' ')
}

/** Fragments of which each names the next, and the last the first. @param {number} count @param {number} seed */
function circle(count, seed) {
  return Array.from({ length: count }, (_, index) => {
    const name = (/** @type {number} */ at) => (at === 0 ? `A${seed}` : `F${at}`)
    return `fragment ${name(index)} on Query { ...${name((index + 1) % count)} }`
  }).join(' ')
}
