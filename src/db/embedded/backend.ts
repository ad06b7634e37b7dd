import type { PGlite } from '@electric-sql/pglite'
import { encodeStartup } from './wire.ts'

/** One PostgreSQL session, by PostgreSQL's wire protocol. Whoever uses it sees to it that one request runs at a time. */
export interface Backend {
  /** The answer to a client's startup message; the same for all, since they share a session. */
  greeting(): Promise<Uint8Array>
  /**
   * Has a request answered: whole messages, of which the last one asks for an answer.
   * @throws BackendLostError
   */
  execute(messages: Uint8Array): Promise<Uint8Array>
}

/** The session is gone, with what was not committed in it; the message says why. */
export class BackendLostError extends Error {
  override readonly name = 'BackendLostError'
}

/** A PGlite in this thread. */
export function createBackend(pglite: PGlite): Backend {
  let greeting: Promise<Uint8Array> | undefined
  return {
    greeting() {
      greeting ??= pglite.execProtocolRaw(encodeStartup('postgres', 'postgres')).then((bytes) => bytes.slice())
      return greeting
    },
    async execute(messages) {
      const chunks: Uint8Array[] = []
      // The chunks are views of the WebAssembly memory, which the next query overwrites.
      await pglite.execProtocolRawStream(messages, { onRawData: (chunk) => chunks.push(chunk.slice()) })
      return concat(chunks)
    },
  }
}

/** Into memory of its own, never a shared pool's, so that it can be handed to another thread. */
function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
