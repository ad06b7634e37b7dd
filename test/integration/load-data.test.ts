import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCatalog } from '../../src/catalog/catalog.ts'
import { loadSnapshot } from '../../src/catalog/snapshot.ts'
import { openDatabase, SERVE_COMMAND } from '../../src/db/database.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COMMAND_TIMEOUT_MS = 60_000
/** Two seconds are promised; the rest is for a busy machine. */
const SOON_MS = 5_000

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let folder: string
let dataDir: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'load-data-'))
  dataDir = join(folder, 'data')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** Runs `auction` in the test's folder, on an embedded database there unless `env` says otherwise. */
function auction(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const { PATH = '', HOME = '' } = process.env
  const options = { cwd: folder, timeout: COMMAND_TIMEOUT_MS, env: { PATH, HOME, DATA_DIR: dataDir, ...env } }
  const nodeArgs = [join(ROOT, 'dist/main.js'), ...args]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, nodeArgs, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}

function write(name: string, content: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(content))
}

const US = { country: 'US' }

describe('auction load-data', { timeout: 2 * COMMAND_TIMEOUT_MS }, () => {
  it('should load what was generated, and say what it did', async () => {
    const generated = await auction(['generate-input-json', '-s', '3', '-b', '4', '--seed', '5', '-o', 'made.json'])
    expect(generated).toEqual({
      code: 0,
      stdout: 'Wrote made.json: 3 supplies, 4 bidders (seed 5).\nLoad it with: auction load-data --input made.json\n',
      stderr: '',
    })
    const { supplies } = JSON.parse(readFileSync(join(folder, 'made.json'), 'utf8'))
    const links = Object.values<string[]>(supplies).flat().length

    const first = await auction(['load-data', '-i', 'made.json'])
    expect(first.stderr).toBe('')
    expect(first.stdout.replaceAll(/ +/g, ' ')).toBe(
      [
        'Loaded made.json.',
        ' added updated left removed',
        'supplies 3 0 0 0',
        'bidders 4 0 0 0',
        `bidders of supplies ${links} - 0 0`,
        '',
      ].join('\n'),
    )

    write('other.json', { supplies: { news: ['acme'] }, bidders: { acme: US } })
    const second = await auction(['load-data', '--input', 'other.json'])
    expect(second.stdout).toContain('Left though not in other.json: supplies: 3, bidders: 4; --prune removes them.')
    const third = await auction(['load-data', '--input', 'other.json', '--prune'])
    expect(third.stdout.replaceAll(/ +/g, ' ')).toContain('supplies 0 0 1 3\nbidders 0 0 1 4\n')
    expect(third.stdout).not.toContain('--prune')
  })

  it('should be live in a running service within 2 s, on the embedded database', async () => {
    const database = await openDatabase({ databaseUrl: undefined, dataDir }, { command: SERVE_COMMAND })
    const catalog = await createCatalog({ prisma: database.prisma })
    try {
      write('data.json', { supplies: { news: ['acme'] }, bidders: { acme: US } })
      const { code, stderr } = await auction(['load-data'])
      expect([code, stderr]).toEqual([0, ''])

      await vi.waitFor(() => expect([...catalog.current().supplies.keys()]).toEqual(['news']), { timeout: SOON_MS })
    } finally {
      await catalog.dispose()
      await database.dispose()
    }
  })

  it('should refuse a wrong file in one line, before it opens the database', async () => {
    write('data.json', { supplies: { news: ['acme'] }, bidders: { acme: { country: 'us' } } })

    expect(await auction(['load-data', '-i', 'data.json'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: data.json: bidders.acme.country is "us", and must be in upper case: "US" (line 1, column 60).\n',
    })
    expect(existsSync(dataDir)).toBe(false)
  })

  it('should refuse headers with a variable that is not set, and load them unfilled where it is', async () => {
    const http = { endpoint: 'https://bid.example/', headers: { authorization: 'Bearer ${ACME_TOKEN}' } }
    write('data.json', { bidders: { acme: { ...US, ...http } }, supplies: { news: { bidders: ['acme'], floor: 0.1 } } })

    const refused = await auction(['load-data'])
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(
      /^error: data.json: bidders.acme.headers.authorization names the environment variable ACME_TOKEN, which is not set; [^\n]*\n$/,
    )

    const { code, stderr } = await auction(['load-data'], { ACME_TOKEN: 's3cret' })
    expect([code, stderr]).toEqual([0, ''])
    const database = await openDatabase({ databaseUrl: undefined, dataDir }, { command: 'a test' })
    try {
      const rows = await database.prisma.$queryRaw`
        SELECT http::text, settings::text FROM bidders, supplies`
      expect(JSON.stringify(rows)).not.toContain('s3cret')
      const { bidders, supplySettings } = await loadSnapshot({ prisma: database.prisma })
      expect(bidders.get('acme')?.http).toMatchObject(http)
      expect(supplySettings('news').floorMicros).toBe(100_000)
    } finally {
      await database.dispose()
    }
  })

  it.runIf(hasPostgres)('should load into a server, and with --if-empty into an empty one alone', async () => {
    write('data.json', { supplies: { news: ['acme'], shop: [] }, bidders: { acme: US } })
    const server = await startPostgres()
    try {
      const env = { DATABASE_URL: server.url }
      await auction(['migrate', 'up'], env)
      const first = await auction(['load-data', '--if-empty'], env)
      expect([first.code, first.stderr]).toEqual([0, ''])
      expect(first.stdout.replaceAll(/ +/g, ' ')).toContain('supplies 2 0 0 0\nbidders 1 0 0 0\n')
      const second = await auction(['load-data', '--if-empty'], env)
      expect(second.stdout).toBe('The catalogue has supplies already: data.json was not loaded.\n')
      const third = await auction(['load-data'], env)
      expect(third.stdout.replaceAll(/ +/g, ' ')).toContain('bidders of supplies 0 - 1 0\n')
    } finally {
      await server.dispose()
    }
  })

  it.runIf(hasPostgres)('should name the remedy on a server without its tables, or without an answer', async () => {
    write('data.json', { supplies: { news: ['acme'] }, bidders: { acme: US } })
    const server = await startPostgres()
    try {
      const bare = await auction(['load-data'], { DATABASE_URL: server.url })
      expect([bare.code, bare.stdout]).toEqual([1, ''])
      expect(bare.stderr).toMatch(/^error: [^\n]*`auction migrate up`[^\n]*\n$/)

      await server.stop()
      const gone = await auction(['load-data'], { DATABASE_URL: server.url })
      expect([gone.code, gone.stdout]).toEqual([1, ''])
      expect(gone.stderr).toMatch(/^error: PostgreSQL at [^\n]*\n$/)
    } finally {
      await server.dispose()
    }
  })
})

describe('auction generate-input-json', { timeout: 2 * COMMAND_TIMEOUT_MS }, () => {
  it('should say the largest numbers, and write nothing', async () => {
    expect(await auction(['generate-input-json', '--supplies', '21'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: --supplies 21 cannot be used: it must be a whole number from 1 to 20.\n',
    })
    const { stderr } = await auction(['generate-input-json', '--bidders', '1'])
    expect(stderr).toBe('error: --bidders 1 cannot be used: it must be a whole number from 2 to 20.\n')
    expect(existsSync(join(folder, 'data.json'))).toBe(false)
  })

  it('should replace a file only with --force', async () => {
    write('data.json', 'precious')

    const refused = await auction(['generate-input-json'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toBe('error: data.json exists already; add --force to replace it, or name another file.\n')
    expect(readFileSync(join(folder, 'data.json'), 'utf8')).toBe('"precious"')

    expect((await auction(['generate-input-json', '--force'])).code).toBe(0)
    expect(Object.keys(JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8')).supplies)).toHaveLength(10)
  })
})
