import { once } from 'node:events'
import { forkOn, forkOnLoaderCpu } from './load.mjs'
import { cpuNs, SERVE_FLAGS, SERVER_CPU } from './server.mjs'

/**
 * Bidders in a process of their own.
 * @param {import('./http-bidders-process.mjs').Kind[]} kinds
 */
export async function startHttpBidders(kinds) {
  const child = forkOnLoaderCpu('http-bidders-process.mjs', SERVE_FLAGS)
  const tell = async (message) => {
    child.send(message)
    const [answer] = await once(child, 'message')
    return answer
  }
  /** @type {{ endpoints: string[] }} */
  const { endpoints } = await tell({ kinds })
  return {
    endpoints,
    /** Those that answer take so long from now on. */
    delay: (delayMs) => tell({ delayMs }),
    stop: () => ended(child),
  }
}

/**
 * The bare loop, on the processor that servers are on.
 * @param {readonly string[]} endpoints
 * @param {number} concurrency auctions at a time
 */
export function startBareLoop(endpoints, concurrency) {
  const child = forkOn(SERVER_CPU, 'bare-undici-process.mjs', SERVE_FLAGS)
  return {
    /**
     * @param {import('./bare-undici-process.mjs').Way} way
     * @param {number} durationMs
     */
    async measure(way, durationMs) {
      const before = cpuNs(child.pid)
      child.send({ endpoints, way, concurrency, durationMs })
      const [{ auctions, elapsedMs }] = await once(child, 'message')
      return { cpuUs: (cpuNs(child.pid) - before) / 1000 / auctions, throughput: (auctions / elapsedMs) * 1000 }
    },
    stop: () => ended(child),
  }
}

/** @param {import('node:child_process').ChildProcess} child */
async function ended(child) {
  const exited = once(child, 'exit')
  child.disconnect()
  await exited
}
