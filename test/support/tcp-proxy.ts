import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that can break connections at the worst moment. */
export interface TcpProxy {
  readonly port: number
  /**
   * The next request whose bytes contain `marker` is forwarded, and its connection is cut when the answer comes, before
   * a byte of it passes. Resolves when that has happened.
   */
  cutBeforeAnswer(marker: string): Promise<void>
  /** Cuts every connection now, and refuses new ones until `open()`. */
  close(): void
  open(): void
  dispose(): Promise<void>
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let armed: { readonly marker: string; readonly done: () => void } | undefined
  let isOpen = true

  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    let cutting: (() => void) | undefined
    const cut = () => {
      client.destroy()
      target.destroy()
    }
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
    }
    if (!isOpen) return cut()
    client.on('data', (request) => {
      if (armed !== undefined && request.includes(armed.marker)) {
        cutting = armed.done
        armed = undefined
      }
      target.write(request)
    })
    target.on('data', (answer) => {
      if (cutting === undefined) return void client.write(answer)
      cut()
      cutting()
      cutting = undefined
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.')

  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    cutBeforeAnswer: (marker) =>
      new Promise((resolve) => {
        armed = { marker, done: resolve }
      }),
    close: () => {
      isOpen = false
      cutAll()
    },
    open: () => {
      isOpen = true
    },
    dispose: async () => {
      cutAll()
      server.close()
      await once(server, 'close')
    },
  }
}
