import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'

const DEBIAN_VERSIONS = '/usr/lib/postgresql'
const READY_TIMEOUT_MS = 60_000
const POLL_MS = 20
/** What only a machine that loses its power needs: all that the server has written survives its own end without. */
const WITHOUT_SYNC = ['-c', 'fsync=off', '-c', 'full_page_writes=off']
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/auction-tests', import.meta.url))

const run = promisify(execFile)

/** A PostgreSQL cluster of a test's own, which it may stop. */
export interface PostgresServer {
  /** Of its database `postgres`. */
  readonly url: string
  start(): Promise<void>
  /** Ends it without a clean shutdown, as a crash does. */
  stop(): Promise<void>
  /** Stops all its processes where they are: connections stay open and nothing answers, as when a network drops packets. */
  freeze(): Promise<void>
  thaw(): void
  dispose(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-postgres-'))
  const user = serverUser()
  if (user) chownSync(directory, user.uid, user.gid)
  const port = await freePort()
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  const data = join(directory, 'data')
  let child: ChildProcess | undefined
  let frozen: number[] = []
  await run('cp', ['-a', await newCluster(), data])

  const server: PostgresServer = {
    url,
    start: async () => {
      const args = ['-D', data, '-p', `${port}`, '-k', directory, '-h', '127.0.0.1', ...WITHOUT_SYNC]
      child = spawn(binary('postgres'), args, { ...user, cwd: directory, stdio: 'ignore' })
      const deadline = Date.now() + READY_TIMEOUT_MS
      const isReady = () =>
        run(binary('pg_isready'), ['-q', '-d', url]).then(
          () => true,
          () => false,
        )
      while (!(await isReady())) {
        if (Date.now() > deadline) throw new Error('PostgreSQL did not start.')
        await delay(POLL_MS)
      }
    },
    stop: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      // What `pg_ctl stop -m immediate` sends.
      child.kill('SIGQUIT')
      await once(child, 'exit')
    },
    freeze: async () => {
      const postmaster = child?.pid ?? 0
      process.kill(postmaster, 'SIGSTOP')
      const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
      frozen = [postmaster, ...children.trim().split(' ').map(Number)]
      for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    },
    thaw: () => {
      // The postmaster last: what ended before it was frozen is there until then.
      for (const pid of frozen.toReversed()) process.kill(pid, 'SIGCONT')
      frozen = []
    },
    dispose: async () => {
      server.thaw()
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** A cluster that is new, to be copied: initdb makes it, which takes longer. It is kept, by its maker's version, for later. */
async function newCluster(): Promise<string> {
  const { stdout } = await run(binary('initdb'), ['--version'])
  const original = join(CACHE, stdout.trim().replaceAll(/[^\w.]+/g, '-'))
  if (!existsSync(original)) await makeCluster(original)
  return original
}

async function makeCluster(original: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-postgres-'))
  const user = serverUser()
  if (user) chownSync(directory, user.uid, user.gid)
  const args = ['-D', join(directory, 'data'), '-U', 'postgres', '--auth', 'trust', '--no-sync']
  await run(binary('initdb'), args, { ...user, cwd: directory })
  const draft = `${original}.${randomUUID()}`
  await mkdir(CACHE, { recursive: true })
  await run('cp', ['-a', join(directory, 'data'), draft])
  // Another test process may have been quicker.
  await rename(draft, original).catch(() => rm(draft, { recursive: true }))
  await rm(directory, { recursive: true })
}

/** PostgreSQL refuses to run as root: then it runs as Debian's user for it. */
function serverUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function binary(name: string): string {
  const newest = readdirSync(DEBIAN_VERSIONS)
    .filter((version) => /^\d+$/.test(version))
    .sort((a, b) => Number(b) - Number(a))[0]
  if (newest === undefined) throw new Error(`There is no PostgreSQL in ${DEBIAN_VERSIONS}: apt-get install postgresql`)
  return join(DEBIAN_VERSIONS, newest, 'bin', name)
}
