import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenCpuNs, freePort, spawnTied, temporaryFolder } from './server.mjs'

const DEBIAN_VERSIONS = '/usr/lib/postgresql'
const READY_TIMEOUT_MS = 15_000
const POLL_MS = 50

/**
 * A PostgreSQL server of the bench's own, of the newest version that is installed, with its default settings; undefined
 * where none is.
 * @returns {Promise<{ url: string, cpuNs(): number, stop(): Promise<void> } | undefined>}
 */
export async function startPostgres() {
  const binaries = folderOfBinaries()
  if (binaries === undefined) return undefined
  const folder = temporaryFolder()
  const user = serverUser()
  if (user) chownSync(folder.path, user.uid, user.gid)
  const data = join(folder.path, 'data')
  const options = { ...user, cwd: folder.path }
  execFileSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '--auth', 'trust'], options)
  const port = await freePort()
  const args = ['-D', data, '-p', String(port), '-k', folder.path, '-h', '127.0.0.1']
  const child = spawnTied(join(binaries, 'postgres'), args, { ...options, stdio: 'ignore' })
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (spawnSync(join(binaries, 'pg_isready'), ['-q', '-d', url]).status !== 0) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('PostgreSQL did not start.')
    await sleep(POLL_MS)
  }
  return {
    url,
    /** Of its processes that are there all along. */
    cpuNs: () => childrenCpuNs(child.pid),
    async stop() {
      const exited = once(child, 'exit')
      // What `pg_ctl stop -m fast` sends.
      child.kill('SIGINT')
      await exited
      folder.remove()
    },
  }
}

/** Debian keeps them out of the path, by version. */
function folderOfBinaries() {
  const versions = existsSync(DEBIAN_VERSIONS) ? readdirSync(DEBIAN_VERSIONS).filter((name) => /^\d+$/.test(name)) : []
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((name) => join(DEBIAN_VERSIONS, name, 'bin'))
  return [...folders, ...(process.env.PATH ?? '').split(':')].find(
    (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
  )
}

/** PostgreSQL refuses to run as root: then it runs as Debian's user for it. */
function serverUser() {
  if (process.getuid?.() !== 0) return undefined
  const id = (option) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
