import { tmpdir } from 'node:os'
import { PGlite } from '@electric-sql/pglite'
import { createBackend } from './backend.ts'
import { createGate } from './gate.ts'
import { connectionStringFor, listenPrivately } from './private-socket.ts'

export interface InMemoryDatabase {
  readonly connectionString: string
  dispose(): Promise<void>
}

/**
 * An empty PostgreSQL in this process's memory, gone when it is disposed.
 * @param files what PGlite has dumped of an empty one, which spares making it
 */
export async function openInMemory(files?: Blob): Promise<InMemoryDatabase> {
  const pglite = await PGlite.create(files ? { loadDataDir: files } : {})
  const gate = createGate({ backend: createBackend(pglite), drainTimeoutMs: 0 })
  const { socket, close } = await listenPrivately(tmpdir(), gate.serve)
  return {
    connectionString: connectionStringFor(socket),
    async dispose() {
      await gate.dispose()
      await close()
      await pglite.close()
    },
  }
}
