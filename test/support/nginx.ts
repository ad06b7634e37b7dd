import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { nginxFollowsNames } from './services.ts'

const CONFIG = new URL('../../docker/nginx.conf', import.meta.url)
const LISTEN_TIMEOUT_MS = 30_000

export interface Nginx {
  readonly url: string
  dispose(): Promise<void>
}

export interface NginxOptions {
  readonly upstreams: readonly [string, string]
  readonly resolver?: string
}

/**
 * Starts nginx with docker/nginx.conf as it is, but for its port, its instances' addresses and where it writes.
 * @param upstreams the two instances, as host:port
 * @param resolver where it asks for names that these have, as host:port
 */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-nginx-'))
  const port = await freePort()
  const file = join(directory, 'nginx.conf')
  await writeFile(file, localConfig(await readFile(CONFIG, 'utf8'), { directory, port, ...options }))
  const child = spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', file, '-g', 'daemon off;'])
  let output = ''
  child.stderr.on('data', (part) => {
    output += part
  })
  const exited = once(child, 'exit')
  if (!(await untilListening(port))) {
    child.kill('SIGKILL')
    throw new Error(`nginx did not start:\n${output}`)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    dispose: async () => {
      // nginx's "fast shutdown": its workers end too.
      child.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Puts a test's addresses in; each must be there to be replaced, so that the file tested is the file shipped. */
function localConfig(
  config: string,
  { directory, port, upstreams, resolver = '127.0.0.1' }: NginxOptions & { directory: string; port: number },
): string {
  const replacements: readonly (readonly [string, string])[] = [
    ['listen 8080;', `listen 127.0.0.1:${port};`],
    ['server app1:4000 ', `server ${upstreams[0]} `],
    ['server app2:4000 ', `server ${upstreams[1]} `],
    ['resolver 127.0.0.11 ', `resolver ${resolver} `],
    [' resolve ', nginxFollowsNames ? ' resolve ' : ' '],
    ['worker_processes auto;', 'worker_processes 2;'],
    [' /tmp/nginx', ` ${directory}/nginx`],
  ]
  return replacements.reduce((text, [shipped, local]) => {
    if (!text.includes(shipped)) throw new Error(`docker/nginx.conf no longer has "${shipped}".`)
    return text.replaceAll(shipped, local)
  }, config)
}

async function untilListening(port: number): Promise<boolean> {
  const deadline = Date.now() + LISTEN_TIMEOUT_MS
  while (Date.now() < deadline) {
    const socket = connect(port, '127.0.0.1')
    const isListening = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isListening) return true
  }
  return false
}
