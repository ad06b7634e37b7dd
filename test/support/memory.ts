import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import WebSocket from 'ws'

/** What a process holds after a full garbage collection, in bytes. */
export interface Memory {
  /** Its JavaScript heap and the buffers outside of it. */
  readonly usedBytes: number
  /** All of its memory that is in RAM, with what the allocators keep for later. */
  readonly rssBytes: number
}

/** Asks a Node process that was started with `--inspect=127.0.0.1:<port>`, over its inspector. */
export async function measureMemory(inspectorPort: number): Promise<Memory> {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)
  const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[]
  if (!target) throw new Error('Nothing to inspect.')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await once(socket, 'open')
  let lastId = 0
  const call = async (method: string, params = {}): Promise<{ result?: { value?: unknown } }> => {
    lastId += 1
    const id = lastId
    socket.send(JSON.stringify({ id, method, params }))
    for (;;) {
      const [message] = await once(socket, 'message')
      const answer = JSON.parse(String(message))
      if (answer.id === id) return answer.result
    }
  }
  try {
    await call('HeapProfiler.enable')
    await call('HeapProfiler.collectGarbage')
    const { result } = await call('Runtime.evaluate', { expression: 'process.memoryUsage()', returnByValue: true })
    if (!result) throw new Error('The inspector did not answer.')
    const { heapUsed, external, rss } = result.value as NodeJS.MemoryUsage
    return { usedBytes: heapUsed + external, rssBytes: rss }
  } finally {
    socket.terminate()
  }
}

/** What this process holds after a full garbage collection, in bytes: its JavaScript heap and the buffers outside of it. */
export async function ownUsedBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // What was just answered is let go of in the next turns.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
