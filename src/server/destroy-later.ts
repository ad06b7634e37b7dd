import type { Duplex, Readable } from 'node:stream'

/** Destroys a client's connection, or a request and with it its connection, unless it has ended by itself in so many milliseconds. */
export function destroyLater(stream: Duplex | Readable, ms: number): void {
  const timer = setTimeout(() => stream.destroy(), ms)
  stream.once('close', () => clearTimeout(timer))
}
