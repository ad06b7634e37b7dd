import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyCheckout } from '../support/checkout.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { dataOf } from '../support/graphql.ts'
import { startInstance } from '../support/instance.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'

/** Each builds, which takes seconds, and more on a busy machine. */
const TIMEOUT_MS = 120_000

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let folder: Awaited<ReturnType<typeof createTestFolder>>
let checkout: string

function run(program: string, ...args: string[]): Promise<Outcome> {
  const { PATH = '' } = process.env
  const env = {
    PATH,
    HOME: folder.path,
    npm_config_cache: join(folder.path, 'npm'),
    DATA_DIR: join(folder.path, 'data'),
  }
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd: checkout, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

const build = () => run(process.execPath, 'tools/build.mjs')
const auction = (...args: string[]) => run(process.execPath, 'dist/main.js', ...args)

/** Each file of dist, and when it was written. */
async function readDist(): Promise<Record<string, number>> {
  const dist = join(checkout, 'dist')
  const names = (await readdir(dist, { recursive: true })).filter((name) => name.includes('.')).sort()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await stat(join(dist, name))).mtimeMs])),
  )
}

beforeAll(async () => {
  folder = await createTestFolder()
  checkout = join(folder.path, 'checkout')
  await mkdir(checkout)
  await copyCheckout(checkout)
  expect(await build()).toEqual({ code: 0, stdout: '', stderr: '' })
}, TIMEOUT_MS)
afterAll(() => folder.dispose())

describe('a build', { timeout: TIMEOUT_MS }, () => {
  it('should leave alone what has not changed', async () => {
    const before = await readDist()
    expect((await build()).code).toBe(0)
    expect(await readDist()).toEqual(before)
  })

  it('should replace what has changed, and have the service and every command work meanwhile', async () => {
    const dataDir = join(folder.path, 'served')
    await makeMigratedDataDir(dataDir)
    const service = await startInstance({ DATA_DIR: dataDir }, { main: join(checkout, 'dist/main.js') })
    const before = await readDist()
    await writeFile(join(checkout, 'src/cli/migrate.ts'), '\nexport const added = 1\n', { flag: 'a' })
    let isBuilding = true
    const building = build().finally(() => {
      isBuilding = false
    })
    while (isBuilding) {
      expect(await auction('migrate', '--help')).toMatchObject({ code: 0, stderr: '' })
      expect(await service.readiness()).toMatchObject({ httpStatus: 200 })
    }
    expect((await building).code).toBe(0)
    expect(await dataOf(service.graphqlUrl, '{ supplies(first: 1) { nodes { id } } }')).toBeDefined()
    service.signal('SIGTERM')
    expect((await service.exited).code).toBe(0)
    const after = await readDist()
    const changed = Object.keys(after).filter((name) => after[name] !== before[name])
    expect(changed).toEqual(['cli/migrate.js', 'cli/migrate.js.map'])
    expect(await readdir(checkout)).not.toContainEqual(expect.stringMatching(/^\.dist-/))
  })

  it('should leave everything as it was where it fails', async () => {
    const before = await readDist()
    const file = join(checkout, 'src/broken.ts')
    await writeFile(file, 'export const x: = 1\n')
    expect(await build()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/src\/broken\.ts.*[\s\S]*The build has failed, and dist is as it was\.\n$/),
    })
    expect(await readDist()).toEqual(before)
    expect((await auction('--help')).code).toBe(0)
    await rm(file)
  })
})

describe('npx auction', { timeout: TIMEOUT_MS }, () => {
  it('should build nothing, say where there is no build, and work after one', async () => {
    await rm(join(checkout, 'dist'), { recursive: true })
    expect(await run('npx', 'auction', '--version')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: there is no dist yet: run `npm run build`.\n'),
    })
    expect((await build()).code).toBe(0)
    const before = await readDist()
    await rm(join(folder.path, 'npm'), { recursive: true })
    for (const _attempt of ['first', 'later']) {
      expect(await run('npx', 'auction', '--version')).toMatchObject({ code: 0, stdout: '0.1.0\n' })
    }
    expect(await readDist()).toEqual(before)
  })
})
