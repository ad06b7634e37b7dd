// Bidders over HTTP, in a process of their own: told over IPC of what kinds, answers with their endpoints. They read no more
// of a request than they need, so that they take less of their processor than whoever asks them takes of its own.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** @typedef {'answers' | 'hangs' | 'resets' | 'streams'} Kind */

const HEAD_END = '\r\n\r\n'
/** A bid request begins with its id, which is a UUID. */
const ID_AT = '{"id":"'.length
const ID_LENGTH = 36
/** What one that streams sends in one go, for as long as it is read. */
const STREAMED = Buffer.alloc(16_384, ' ')
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

/** How long those that answer take, in milliseconds. */
let delayMs = 0

process.on('message', async (/** @type {{ kinds?: Kind[], delayMs?: number }} */ message) => {
  delayMs = message.delayMs ?? delayMs
  process.send?.({ endpoints: await Promise.all((message.kinds ?? []).map(listen)) })
})
process.on('disconnect', () => process.exit())

/** @param {Kind} kind */
async function listen(kind) {
  const server = createServer({ noDelay: true }, (socket) => {
    // Whoever asks may leave at any moment.
    socket.on('error', () => socket.destroy())
    onRequests(socket, serving[kind](socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return `http://127.0.0.1:${port}/bid`
}

/** @type {Record<Kind, (socket: import('node:net').Socket) => (body: string) => void>} */
const serving = {
  answers: (socket) => (body) => {
    const answer = answerTo(body.slice(ID_AT, ID_AT + ID_LENGTH))
    if (delayMs === 0) socket.write(answer, 'latin1')
    else setTimeout(() => socket.write(answer, 'latin1'), delayMs)
  },
  hangs: () => () => {},
  resets: (socket) => () => socket.resetAndDestroy(),
  streams: (socket) => () => {
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n`)
    const more = () => {
      if (!socket.writable) return
      socket.write(`${STREAMED.length.toString(16)}\r\n`)
      socket.write(STREAMED)
      socket.write('\r\n', more)
    }
    more()
  },
}

/**
 * Calls back with the body of each request, in the form in which undici sends them.
 * @param {import('node:net').Socket} socket
 * @param {(body: string) => void} onRequest
 */
function onRequests(socket, onRequest) {
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    for (;;) {
      const headEnd = received.indexOf(HEAD_END)
      if (headEnd < 0) return
      const bodyAt = headEnd + HEAD_END.length
      const end = bodyAt + Number(/content-length: (\d+)/i.exec(received)?.[1])
      if (!(received.length >= end)) return
      const body = received.slice(bodyAt, end)
      received = received.slice(end)
      onRequest(body)
    }
  })
}

/** Ids and prices are of one length: so is the answer. */
const CONTENT_LENGTH = contentTo('0'.repeat(ID_LENGTH), '1.000').length

/** @param {string} id */
function answerTo(id) {
  return `${OK}content-length: ${CONTENT_LENGTH}\r\n\r\n${contentTo(id, (0.5 + Math.random() * 3.5).toFixed(3))}`
}

/**
 * A bid as demand partners make them: `auction bidder` answers the same members.
 * @param {string} id
 * @param {string} price
 */
function contentTo(id, price) {
  return `{"id":"${id}","cur":"USD","seatbid":[{"seat":"bench","bid":[{"id":"bench-1","impid":"1","price":${price},"adomain":["bench.example"],"crid":"bench-creative-1","cat":["IAB3-1"],"nurl":"http://bench.example/notice?kind=win&auction=\${AUCTION_ID}&price=\${AUCTION_PRICE}","burl":"http://bench.example/notice?kind=billing&auction=\${AUCTION_ID}&price=\${AUCTION_PRICE}","lurl":"http://bench.example/notice?kind=loss&auction=\${AUCTION_ID}&reason=\${AUCTION_LOSS}&min_to_win=\${AUCTION_MIN_TO_WIN}","adm":"<a href=\\"https://bench.example/\\"><img src=\\"https://bench.example/300x250.png\\" width=\\"300\\" height=\\"250\\" alt=\\"\\"></a>","w":300,"h":250,"mtype":1}]}]}`
}
