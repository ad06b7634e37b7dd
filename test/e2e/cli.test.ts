import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { dataOf, execute, openWebSocket } from '../support/graphql.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { startRedis } from '../support/redis.ts'
import { hasRedis, hasScript } from '../support/services.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'dist/main.js')

let folder: string
/** A service for the tests that leave it as it is. */
let service: Service
let dataDir: string
const children = new Set<ChildProcess>()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auction-cli-'))
  dataDir = await migratedDataDir()
  service = await serve({ DATA_DIR: dataDir })
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await vi.waitFor(() => expect(children.size).toBe(0))
  await rm(folder, { recursive: true, force: true })
})

interface Command {
  readonly child: ChildProcess
  stdout: string
  stderr: string
  readonly code: Promise<number | null>
}

interface Service extends Command {
  readonly url: string
}

type Env = Readonly<Record<string, string>>

/** Starts a program whose environment is this test's alone. */
function start(program: string, args: readonly string[], env: Env): Command {
  const { PATH = '' } = process.env
  const child = spawn(program, args, { cwd: folder, env: { PATH, HOME: folder, ...env } })
  children.add(child)
  const code = once(child, 'close').then(([exitCode]) => {
    children.delete(child)
    return exitCode
  })
  const command: Command = { child, stdout: '', stderr: '', code }
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    command.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    command.stderr += text
  })
  return command
}

function auction(args: readonly string[], env: Env = {}): Command {
  return start(process.execPath, [MAIN, ...args], env)
}

let folders = 0
async function migratedDataDir(): Promise<string> {
  const path = join(folder, `data-${++folders}`)
  await makeMigratedDataDir(path)
  return path
}

/** Starts the service and waits until it says that it serves. */
async function serve(env: Env): Promise<Service> {
  // What a busy machine delays is not shed.
  const command = auction(['serve'], { PORT: '0', MAX_EVENT_LOOP_DELAY_MS: '0', ...env })
  await vi.waitFor(() => expect(command.stdout).toContain('serving on'))
  const url = /serving on (http:\/\/[^"\s]+)/.exec(command.stdout)?.[1] ?? ''
  return Object.assign(command, { url })
}

const RUN = `mutation($input: RunAuctionInput!) {
  runAuction(input: $input) { __typename ... on Auction { price winner { id } } ... on Error { message } }
}`

describe('--help', () => {
  it.each([
    ['', /serve[\s\S]*run[\s\S]*load-data[\s\S]*generate-input-json[\s\S]*prepare[\s\S]*migrate/],
    ['serve', /Serve the GraphQL API/],
    ['run', /--supply[\s\S]*--country[\s\S]*--ip[\s\S]*--tmax/],
    ['load-data', /--input/],
    ['bidder', /--latency[\s\S]*--no-bid[\s\S]*--price[\s\S]*--errors/],
    ['generate-input-json', /--output[\s\S]*--supplies[\s\S]*--bidders[\s\S]*--seed/],
    ['load-test', /--url[\s\S]*--duration/],
    ['history', /--supply[\s\S]*--from[\s\S]*--to[\s\S]*--by[\s\S]*--csv[\s\S]*--json/],
    ['show', /The auction’s id/],
    ['prepare', /apply migrations, and give an empty one a generated catalogue/],
    ['migrate', /up[\s\S]*down[\s\S]*status[\s\S]*history/],
    ['migrate up', /--steps[\s\S]*--to/],
    ['migrate down', /--yes/],
  ])('should explain `auction %s`, without colours where it is no terminal', async (command, says) => {
    const help = auction([...command.split(' ').filter(Boolean), '--help'])
    expect(await help.code).toBe(0)
    expect(help.stdout).toMatch(says)
    expect(help.stdout).toBe(stripVTControlCharacters(help.stdout))
    expect(help.stderr).toBe('')
  })
})

describe('what cannot be served', () => {
  async function expectRefusal(command: Command, says: string | RegExp): Promise<void> {
    expect(await command.code).toBe(1)
    expect(command.stderr).toMatch(says)
    expect(command.stderr).toMatch(/^error: [^\n]+\n$/)
    expect(command.stdout).not.toContain('serving on')
  }

  it.each([
    ['PORT', '70000', /PORT=70000 .* 0 to 65535/],
    ['RATE_LIMIT_MAX', 'three', /RATE_LIMIT_MAX=three .* 1 to 1000000/],
    ['LOG_LEVEL', 'loud', /LOG_LEVEL=loud .* fatal, error, warn, info/],
    ['NO_BID_PROBABILITY', '2', /NO_BID_PROBABILITY=2 .* 0 to 1/],
    ['SIMULATION_SEED', '-1', /SIMULATION_SEED=-1/],
    ['DATABASE_URL', 'mysql://user:secret@host/db', /DATABASE_URL=mysql:\/\/user:\*\*\*@host\/db/],
  ])('should be %s=%s, in one line', async (name, value, says) => {
    await expectRefusal(auction(['serve'], { [name]: value, DATA_DIR: join(folder, 'unused') }), says)
  })

  it.each([
    ['--latency', '5-1', /--latency 5-1 .* the lower first/],
    ['--no-bid', '2', /--no-bid 2 .* 0 to 1/],
    ['--price', 'free', /--price free .* USD from 0.001/],
  ])('should be %s %s of a bidder, in one line', async (option, value, says) => {
    await expectRefusal(auction(['bidder', option, value], {}), says)
  })

  it.each([
    ['API_KEYS_FILE', 'missing.json', /\/missing\.json cannot be read: there is none\. `auction keys create` makes it/],
    ['API_KEYS_FILE', 'cut.json', /\/cut\.json is not JSON/],
    ['PERSISTED_OPERATIONS_FILE', 'missing.json', /\/missing\.json cannot be used: it cannot be read/],
    ['PERSISTED_OPERATIONS_FILE', 'cut.json', /\/cut\.json cannot be used: it is no JSON object/],
  ])('should be %s=%s, before anything is opened', async (name, file, says) => {
    await writeFile(join(folder, 'cut.json'), '{')
    const unopened = join(folder, `unopened-${name}-${file}`)
    await expectRefusal(auction(['serve'], { [name]: join(folder, file), DATA_DIR: unopened }), says)
    await expect(access(unopened)).rejects.toThrow('ENOENT')
  })

  it('should be a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      const env = { PORT: String(port), DATA_DIR: await migratedDataDir(), LOG_LEVEL: 'warn' }
      await expectRefusal(auction(['serve'], env), new RegExp(`PORT ${port} .* in use`))
    } finally {
      server.close()
    }
  })

  it('should be a DATA_DIR that is a file, or cannot be written', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    await expectRefusal(auction(['serve'], { DATA_DIR: file }), /DATA_DIR .*\/file cannot be used.*not a folder/)
    await expectRefusal(auction(['serve'], { DATA_DIR: '/sys/nothing' }), /DATA_DIR \/sys\/nothing cannot be used/)
  })

  it('should be a second service on the same DATA_DIR, while the first goes on', async () => {
    const second = auction(['serve'], { DATA_DIR: dataDir, PORT: '0' })
    await expectRefusal(second, /DATA_DIR .* in use by another `auction serve`/)
    expect(await dataOf(`${service.url}/graphql`, '{ __typename }')).toEqual({ __typename: 'Query' })
  })

  it('should be a database of Redis that is none', async () => {
    await expectRefusal(
      auction(['serve'], { DATA_DIR: await migratedDataDir(), REDIS_URL: 'redis://127.0.0.1:1/abc' }),
      /ends in \/abc/,
    )
  })

  it.runIf(hasRedis)('should be a Redis that refuses the password, or has no such database', async () => {
    const redis = await startRedis()
    try {
      const env = { DATA_DIR: await migratedDataDir() }
      await expectRefusal(auction(['serve'], { ...env, REDIS_URL: `${redis.url}/999` }), /Redis has no database 999/)
      await redis.command('config', 'set', 'requirepass', 'secret')
      const url = redis.url.replace('//', '//:wrong@')
      await expectRefusal(auction(['serve'], { ...env, REDIS_URL: url }), /Redis refuses this client \(WRONGPASS/)
    } finally {
      await redis.dispose()
    }
  })

  it('should be an option that there is not, and a command that there is not', async () => {
    await expectRefusal(auction(['serve', '--port', '1']), /--port/)
    const unknown = auction(['sell'])
    expect(await unknown.code).toBe(1)
    expect(unknown.stderr).toMatch(/sell/)
  })
})

describe('auction serve', () => {
  it('should end at SIGINT: auctions are answered, subscriptions completed, the data folder is free', async () => {
    const DATA_DIR = await migratedDataDir()
    const ending = await serve({ DATA_DIR, SIMULATED_LATENCY_FACTOR: '100', RATE_LIMIT_MAX: '1' })
    const graphql = `${ending.url}/graphql`
    const input = { ...(await sellable(graphql)), tmax: 1500 }
    const client = openWebSocket(graphql)
    const values = client.iterate({ query: 'subscription { statsUpdated { totalRequests } }' })
    await values.next()
    const answer = dataOf<{ runAuction: { __typename: string } }>(graphql, RUN, { input })
    // The auction is in flight once it has used up its address's limit.
    await vi.waitFor(async () => {
      const { errors } = await execute(graphql, RUN, { input: { ...input, tmax: 1 } })
      expect(errors?.[0]?.extensions?.code).toBe('RATE_LIMITED')
    })

    ending.child.kill('SIGINT')
    expect((await answer).runAuction.__typename).toMatch(/^(Auction|NoBidsError)$/)
    for (let next = await values.next(); !next.done; ) next = await values.next()
    expect(await ending.code).toBe(0)
    expect(ending.stdout).toContain('"msg":"stopped"')
    await client.dispose()
    await expectOneAuction(auction(['run', '--supply', input.supplyId, '--country', input.country], { DATA_DIR }))
  })

  it('should log JSON where it is no terminal, one line an auction', async () => {
    const [line] = service.stdout.split('\n').filter((text) => text.includes('"listening"'))
    const { listening } = JSON.parse(line ?? '{}')
    expect(listening).toMatchObject({ url: service.url, graphql: `${service.url}/graphql` })
    expect(listening.supplies).toHaveLength(10)
    expect(service.stderr).toContain(listening.example)

    // The example works as it is printed.
    const example = start('sh', ['-c', listening.example], {})
    expect(await example.code).toBe(0)
    expect(JSON.parse(example.stdout)).toMatchObject({ data: { runAuction: { __typename: expect.any(String) } } })

    await vi.waitFor(() => expect(service.stdout).toContain('"msg":"auction"'))
    const logged = JSON.parse(service.stdout.split('\n').find((text) => text.includes('"msg":"auction"')) ?? '{}')
    expect(logged.auction).toMatchObject({ supplyId: listening.supplies[0], tmaxMs: 200 })
    const [, key] = /-([\da-f]{8})$/.exec(logged.instance) ?? []
    expect(logged.requestId).toMatch(new RegExp(`^${key}-\\d+$`))
    expect(logged.instance).toBe(JSON.parse(line ?? '{}').instance)
  })

  it.skipIf(!hasScript)('should log for a reader on a terminal', async () => {
    const port = await freePort()
    const env = { DATA_DIR: await migratedDataDir(), PORT: String(port), MAX_EVENT_LOOP_DELAY_MS: '0', TERM: 'xterm' }
    const terminal = start('script', ['-qec', `exec '${process.execPath}' '${MAIN}' serve`, '/dev/null'], env)
    const graphql = `http://127.0.0.1:${port}/graphql`
    await vi.waitFor(() => expect(terminal.stdout).toContain(`GraphiQL   ${graphql}`))
    await dataOf(graphql, RUN, { input: await sellable(graphql) })
    await vi.waitFor(() => expect(terminal.stdout).toMatch(/Winner: |No winner/))
    const screen = stripVTControlCharacters(terminal.stdout).replaceAll('\r', '')
    expectBlock(screen.slice(screen.indexOf('Auction for ')).trimEnd())
    expect(screen).not.toContain('"level"')
    terminal.child.stdin?.write('\u0003')
    expect(await terminal.code).toBe(0)
  })
})

/** What the generated catalogue can sell. */
async function sellable(graphql: string): Promise<{ supplyId: string; country: string; ip: string }> {
  const { supplies } = await dataOf<{ supplies: { nodes: { id: string; bidders: { country: string }[] }[] } }>(
    graphql,
    '{ supplies(first: 1) { nodes { id bidders { country } } } }',
  )
  const [supply] = supplies.nodes
  return { supplyId: supply?.id ?? '', country: supply?.bidders[0]?.country ?? '', ip: '203.0.113.1' }
}

/** One auction as a person reads it. */
function expectBlock(text: string): void {
  const [first, ...lines] = text.split('\n').map((line) => line.trim())
  expect(first).toMatch(/^Auction for [a-z-]+ \(country=[A-Z]{2}, tmax=200ms\)$/)
  const last = lines.pop()
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) {
    expect(line).toMatch(/^[a-z-]+ - (price \d\.\d\d|no bid|timeout \(latency \d+ms > tmax 200ms\))$/)
  }
  expect(last).toMatch(/^(Winner: [a-z-]+ \(\d\.\d\d\)|No winner)$/)
}

/** One that ends well, having printed an auction and nothing else. */
async function expectOneAuction(command: Command): Promise<void> {
  expect(await command.code).toBe(0)
  expectBlock(command.stdout.trimEnd())
  expect(command.stderr).toBe('')
}

describe('auction run', () => {
  it('should print one auction, beside a service on the same data folder', async () => {
    const { supplyId, country } = await sellable(`${service.url}/graphql`)
    await expectOneAuction(auction(['run', '--supply', supplyId, '--country', country], { DATA_DIR: dataDir }))
  })

  it.each([
    [['--supply', 'nowhere'], /No supply has the id nowhere. There are: [a-z-]+, /],
    [['--country', 'us'], /--country us/],
    [['--ip', 'x'], /--ip x/],
    [['--tmax', '5001'], /--tmax 5001 .* 1 to 5000/],
  ] as const)('should refuse %s in one line', async (more, says) => {
    const refused = auction(['run', '--supply', 'supply1', ...more], { DATA_DIR: dataDir })
    expect(await refused.code).toBe(1)
    expect(refused.stderr).toMatch(says)
    expect(refused.stderr).toMatch(/^error: [^\n]+\n$/)
  })
})

describe('a service that npm or npx has started', () => {
  it.each([
    ['npm', ['--prefix', ROOT, 'start']],
    ['sh', ['-c', `"${process.execPath}" "${MAIN}" serve; true`]],
  ])('should stop where %s is told to', async (program, args) => {
    const env = { PORT: '0', DATA_DIR: await migratedDataDir(), npm_command: 'exec' }
    const command = start(program, args, env)
    await vi.waitFor(() => expect(command.stdout).toContain('serving on'))
    command.child.kill('SIGTERM')
    await vi.waitFor(() => expect(command.stdout).toContain('"msg":"stopped"'))
    await command.code
  })
})

describe('output that nobody reads to its end', () => {
  it('should end quietly', async () => {
    const command = start('sh', ['-c', `"${process.execPath}" "${MAIN}" migrate history | :`], { DATA_DIR: dataDir })
    expect(await command.code).toBe(0)
    expect(command.stderr).toBe('')
  })
})

describe('auction generate-input-json', () => {
  it('should write the target of a link, and print where - is named', async () => {
    const [target, link] = [join(folder, 'target.json'), join(folder, 'link.json')]
    await writeFile(target, 'old')
    await symlink(target, link)
    const written = auction(['generate-input-json', '--force', '--seed', '7', '-o', link])
    expect(await written.code).toBe(0)
    expect(await readlink(link)).toBe(target)
    const printed = auction(['generate-input-json', '--seed', '7', '-o', '-'])
    expect(await printed.code).toBe(0)
    expect(printed.stdout).toBe(await readFile(target, 'utf8'))
  })
})
