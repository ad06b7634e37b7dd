import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeConfig } from '../../../src/config.ts'
import { runAuctionCommand } from '../../support/instance.ts'
import { startPostgres } from '../../support/postgres-server.ts'
import { hasPostgres } from '../../support/services.ts'
import { createDatabase, createTestBed } from '../../support/topology.ts'

const ROOT = new URL('../../../', import.meta.url)
const hasComposePlugin = spawnSync('docker', ['compose', 'version']).status === 0

interface Service {
  readonly image: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly profiles?: readonly string[]
  readonly volumes?: readonly string[]
  readonly stop_grace_period?: string
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

describe('docker-compose.yml', async () => {
  const { services, volumes } = parse(await text('docker-compose.yml'), { merge: true }) as {
    services: Record<string, Service>
    volumes: Record<string, unknown>
  }
  const nginxConf = await text('docker/nginx.conf')
  const service = (name: string): Service => {
    const found = services[name]
    if (!found) throw new Error(`docker-compose.yml has no service ${name}.`)
    return found
  }
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  it('should have PostgreSQL, a Redis that keeps its data, a prepare step and two instances behind nginx', () => {
    const usual = Object.entries(services).filter(([, { profiles }]) => profiles === undefined)
    expect(usual.map(([name]) => name).sort()).toEqual(['app1', 'app2', 'nginx', 'postgres', 'prepare', 'redis'])
    expect(service('postgres').image).toBe('postgres:17')
    expect(service('redis').image).toBe('redis:7')
    // Later than 1.27.3, which nginx.conf wants.
    expect(service('nginx').image).toBe('nginx:1.28')
    expect(service('redis').command?.join(' ')).toContain('--appendonly yes')
    for (const name of ['postgres', 'redis', 'nginx']) expect(service(name).healthcheck, name).toBeDefined()
    for (const name of ['app1', 'app2']) {
      expect(service(name).depends_on).toMatchObject({
        prepare: { condition: 'service_completed_successfully' },
        redis: { condition: 'service_healthy' },
      })
      expect(service('nginx').depends_on?.[name]).toMatchObject({ condition: 'service_healthy' })
    }
    expect(service('prepare').depends_on).toMatchObject({ postgres: { condition: 'service_healthy' } })
    const named = Object.values(services)
      .flatMap((one) => one.volumes ?? [])
      .filter((volume) => !volume.startsWith('.'))
    expect([...new Set(named.map((volume) => volume.split(':')[0]))].sort()).toEqual(Object.keys(volumes).sort())
  })

  it('should add what watches it only where that is asked for, open to this machine alone', () => {
    const added = Object.entries(services).filter(([, { profiles }]) => profiles !== undefined)
    expect(added.map(([name]) => name).sort()).toEqual(['grafana', 'jaeger', 'prometheus'])
    for (const [name, { profiles, ports }] of added) {
      expect(profiles, name).toEqual(['observability'])
      for (const port of ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/)
    }
  })

  it('should set nothing that the service does not know', () => {
    const known = describeConfig().map(({ name }) => name)
    for (const name of ['prepare', 'app1', 'app2']) {
      expect(known).toEqual(expect.arrayContaining(Object.keys(service(name).environment ?? {})))
    }
  })

  it('should give the instances the files that they are told of, in folders that the image lets them write', async () => {
    const dockerfile = await text('Dockerfile')
    for (const name of ['app1', 'app2']) {
      const { environment, volumes: mounted } = service(name)
      expect(environment).toMatchObject({
        API_KEYS_FILE: '${API_KEYS_FILE:-}',
        PERSISTED_OPERATIONS_FILE: '${PERSISTED_OPERATIONS_FILE:-}',
      })
      expect(mounted).toEqual(['api-keys:/keys', 'operations:/operations'])
    }
    expect(dockerfile).toContain('mkdir /data /keys /operations && chown node:node /data /keys /operations')
  })

  it('should give an instance longer to stop than it takes', () => {
    for (const name of ['app1', 'app2']) {
      const { stop_grace_period: grace, environment } = service(name)
      const { SHUTDOWN_GRACE_MS: servingMs, SHUTDOWN_TIMEOUT_MS: drainingMs } = environment ?? {}
      expect(Number(servingMs)).toBe(5000)
      expect(Number.parseInt(grace ?? '', 10) * 1000).toBeGreaterThan(Number(servingMs) + Number(drainingMs))
    }
  })

  it('should publish one port, where nginx listens and passes to the instances', async () => {
    const published = Object.entries(services).filter(([, { ports, profiles }]) => ports && !profiles)
    const [, { ports } = { ports: [] }] = published[0] ?? []
    expect(published.map(([name]) => name)).toEqual(['nginx'])
    expect(ports).toHaveLength(1)
    // Anybody may call who reaches it, unless there are keys.
    expect(ports?.[0]).toMatch(/^\$\{PUBLISH_ADDRESS:-127\.0\.0\.1\}:/)
    expect(nginxConf).toContain(`listen ${ports?.[0]?.split(':').at(-1)};`)
    expect(service('nginx').volumes).toContain('./docker/nginx.conf:/etc/nginx/nginx.conf:ro')
    const image = await text('Dockerfile')
    const port = /ENV .*PORT=(\d+)/.exec(image)?.[1]
    const upstreams = [...nginxConf.matchAll(/^\s*server (\S+?)[ ;]/gm)].map(([, address]) => address)
    expect(upstreams).toEqual([`app1:${port}`, `app2:${port}`])
    expect(image).toMatch(/^USER node$/m)
  })

  it.skipIf(!hasComposePlugin)('should be taken by Docker Compose', async () => {
    const { stdout } = await promisify(execFile)('docker', ['compose', 'config', '--services'], { cwd: ROOT })
    const usual = Object.entries(services).filter(([, { profiles }]) => profiles === undefined)
    expect(stdout.trim().split('\n').sort()).toEqual(usual.map(([name]) => name).sort())
  })

  it.skipIf(!hasPostgres)(
    'should migrate, load a catalogue into an empty database, and leave another as it is',
    async () => {
      const server = await bed.own(startPostgres())
      const databaseUrl = await createDatabase(server)
      // As in the image, whose entry point is `auction`.
      const prepare = () => runAuctionCommand(service('prepare').command ?? [], { DATABASE_URL: databaseUrl })
      const client = new pg.Client(databaseUrl)
      await client.connect()
      await bed.own({ dispose: () => client.end() })
      const countSupplies = async () => Number((await client.query('SELECT count(*) FROM supplies')).rows[0].count)

      await prepare()
      expect(await countSupplies()).toBe(10)

      await client.query(`DELETE FROM supplies WHERE id NOT IN (SELECT min(id) FROM supplies)`)
      await prepare()
      expect(await countSupplies()).toBe(1)
    },
  )
})

function text(name: string): Promise<string> {
  return readFile(new URL(name, ROOT), 'utf8')
}
