import { type Backend, BackendLostError } from './backend.ts'
import type { BackendThread } from './thread.ts'

/** A backend that outlives its threads: one that hangs or dies is replaced by another on the same files. */
export interface LastingBackend extends Backend {
  /**
   * Starts it for the first time; requests wait for that.
   * @throws BackendLostError where the files cannot be opened
   */
  open(): Promise<void>
  /** Why it cannot be used at the moment; undefined where it can. */
  problem(): string | undefined
  dispose(): Promise<void>
}

export interface LastingBackendOptions {
  /** Starts a thread; rejects where it cannot open the files, or the signal comes before it has. */
  readonly startThread: (signal: AbortSignal) => Promise<BackendThread>
  /** Told of each session that is lost, before the next one begins. */
  readonly onLost: (error: BackendLostError) => void
}

/**
 * A lost thread is replaced at once, and requests wait while the next one starts. Where that is lost as well before it
 * has answered anything, another one tries after a delay, and requests in between fail at once, with the reason.
 */
export function createLastingBackend({ startThread, onLost }: LastingBackendOptions): LastingBackend {
  let open: () => void = () => {}
  let thread: Promise<BackendThread> | undefined = new Promise<void>((resolve) => {
    open = resolve
  }).then(start)
  thread.catch(() => {})
  const stopping = new AbortController()
  let problem: string | undefined
  let restarts = 0
  let timer: NodeJS.Timeout | undefined

  async function start(): Promise<BackendThread> {
    stopping.signal.throwIfAborted()
    const started = await startThread(stopping.signal)
    problem = undefined
    void started.ended.then(lost)
    return started
  }

  function lost(error: BackendLostError): void {
    if (stopping.signal.aborted) return
    problem = error.message
    thread = undefined
    onLost(error)
    if (restarts === 0) restart()
    else timer = setTimeout(restart, Math.min(RESTART_DELAY_MS * 2 ** restarts, MAX_RESTART_DELAY_MS))
  }

  function restart(): void {
    restarts++
    thread = start()
    thread.catch(lost)
  }

  async function current(): Promise<BackendThread> {
    if (thread === undefined) throw new BackendLostError(problem)
    return thread
  }

  return {
    problem: () => problem,

    async open() {
      open()
      await thread
    },

    async greeting() {
      return (await current()).greeting
    },

    async execute(messages) {
      const answer = await (await current()).execute(messages)
      restarts = 0
      return answer
    },

    async dispose() {
      stopping.abort()
      clearTimeout(timer)
      // Where it was never opened, who waits for that has an end as well.
      open()
      await thread?.then(
        (started) => started.close(),
        () => {},
      )
    },
  }
}

/** Doubled with each thread that is lost in a row, up to the bound, in milliseconds. */
const RESTART_DELAY_MS = 250
const MAX_RESTART_DELAY_MS = 30_000
