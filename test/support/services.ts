import { spawnSync } from 'node:child_process'

/** Whether tests can start a redis-server of their own. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** Whether PostgreSQL's server binaries are installed where Debian puts them. */
export const hasPostgres = spawnSync('sh', ['-c', 'ls /usr/lib/postgresql/*/bin/postgres']).status === 0
