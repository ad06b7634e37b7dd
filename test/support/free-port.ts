import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A TCP port of this machine that nothing listens on just now. It is none of those that the system gives by itself, to
 * connections and to servers that take any: until this one is listened on, many of these are given.
 * @throws where none is free
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * PORTS)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('No free port.')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (!isListening) return false
  server.close()
  await once(server, 'close')
  return true
}

/** By this process, so that none is had twice. */
const given = new Set<number>()
const ATTEMPTS_MAX = 100
/** Linux gives ports from 32768 on. */
const FIRST = 20_000
const PORTS = 12_000
