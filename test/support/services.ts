import { spawnSync } from 'node:child_process'

/** Whether tests can start a redis-server of their own. */
export const hasRedis = runs('redis-server', '--version')

/** Whether PostgreSQL's server binaries are installed where Debian puts them. */
export const hasPostgres = runs('sh', '-c', 'ls /usr/lib/postgresql/*/bin/postgres')

/** Whether tests can start an nginx of their own. */
export const hasNginx = runs('nginx', '-v')

/** Whether tests can start a Prometheus of their own, and have its rules tried. */
export const hasPrometheus = runs('prometheus', '--version') && runs('promtool', '--version')

/** Whether it follows names to their newest addresses, as from 1.27.3 on and so in docker-compose.yml. */
export const nginxFollowsNames = hasNginx && isAtLeast(spawnSync('nginx', ['-v']).stderr.toString(), [1, 27, 3])

/** Whether tests can drive a browser. */
export const hasChromium = runs('chromium', '--version')

/** Whether tests can run a program on a terminal of their own. */
export const hasScript = runs('script', '--version')

/** Whether tests can have a disk of their own that is full: on Linux, as root. */
export const canMount = runs('sh', '-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" 2>/dev/null && umount "$d"')

/** Whether the version in a text such as `nginx version: nginx/1.28.0` is that or a later one. */
function isAtLeast(text: string, least: readonly number[]): boolean {
  const version = /\d+(\.\d+)+/.exec(text)?.[0].split('.').map(Number) ?? []
  const differs = least.findIndex((part, index) => part !== version[index])
  return differs === -1 || (version[differs] ?? 0) > (least[differs] ?? 0)
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0
}
