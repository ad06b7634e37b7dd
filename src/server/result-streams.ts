import type { Socket } from 'node:net'
import type { ExecutionResult } from 'graphql'
import type { ResultStream } from '../graphql/operations.ts'

export function isStream(started: ResultStream | ExecutionResult | undefined): started is ResultStream {
  return started !== undefined && Symbol.asyncIterator in started
}

/** The same stream, whose end is told: once or more often, whoever ends it. */
export function untilEnd(stream: ResultStream, onEnd: () => void): ResultStream {
  const watched: Omit<ResultStream, typeof Symbol.asyncDispose> = {
    async next() {
      try {
        const result = await stream.next()
        if (result.done) onEnd()
        return result
      } catch (error) {
        onEnd()
        throw error
      }
    },
    return(value) {
      onEnd()
      return stream.return(value)
    },
    throw(error) {
      onEnd()
      return stream.throw(error)
    },
    [Symbol.asyncIterator]() {
      return watched as ResultStream
    },
  }
  return watched as ResultStream
}

/** Makes a stream end by itself: each of `causes` is given the function that ends it, and returns the one that forgets that. */
export function endedBy(stream: ResultStream, causes: readonly ((end: () => void) => () => void)[]): ResultStream {
  const forget: (() => void)[] = []
  const watched = untilEnd(stream, () => {
    for (const each of forget) each()
  })
  for (const cause of causes) forget.push(cause(() => void watched.return(undefined)))
  return watched
}

/** Calls `listener` when a connection is over, at once where it is. Returns the function that forgets it. */
export function onDisconnected(socket: Socket, listener: () => void): () => void {
  if (socket.destroyed) {
    listener()
    return () => {}
  }
  const listeners = listenersOf.get(socket) ?? listen(socket)
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** One of the socket's own for all, since a WebSocket may have hundreds of subscriptions. */
function listen(socket: Socket): Set<() => void> {
  const listeners = new Set<() => void>()
  listenersOf.set(socket, listeners)
  socket.once('close', () => {
    for (const listener of listeners) listener()
  })
  return listeners
}

const listenersOf = new WeakMap<Socket, Set<() => void>>()
