import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../src')
const { packages } = JSON.parse(readFileSync(join(SRC, '../package-lock.json'), 'utf8')) as {
  packages: Record<string, { dev?: boolean; dependencies?: Record<string, string> }>
}

/** What each file of src imports: packages by name, the project's own files by their path in src. */
const imports = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
  .map((file) => {
    const text = readFileSync(join(SRC, file), 'utf8')
    const names = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name]) => name ?? '')
    const imported = names.map((name) =>
      name.startsWith('.') ? relative(SRC, resolve(SRC, dirname(file), name)) : name,
    )
    return { file, text, imported }
  })

/** The top-level folder of a file of src, or where it is in none the file itself. */
const placeOf = (file: string) => file.replace(/\/.*/, '')
const places = new Set(imports.map(({ file }) => placeOf(file)))

/** Every import from one place of src into another. */
const crossings = imports.flatMap(({ file, imported }) =>
  imported
    .filter((name) => places.has(placeOf(name)) && placeOf(name) !== placeOf(file))
    .map((name) => ({ file, name, from: placeOf(file), to: placeOf(name) })),
)

/** Every place that is imported by `place`, by what that imports, and so on. */
function reachableFrom(place: string, reached = new Set<string>()): Set<string> {
  for (const { from, to } of crossings) {
    if (from !== place || reached.has(to)) continue
    reached.add(to)
    reachableFrom(to, reached)
  }
  return reached
}

function offenders(inFolders: RegExp, forbidden: RegExp): string[] {
  return imports
    .filter(({ file }) => inFolders.test(file))
    .flatMap(({ file, imported }) =>
      imported.filter((name) => forbidden.test(name)).map((name) => `${file} -> ${name}`),
    )
}

describe('import directions', () => {
  it('should see every file of src', () => {
    expect(imports.length).toBeGreaterThan(50)
    expect(imports.find(({ file }) => file === 'composition/app.ts')?.imported).toContain('composition/services.ts')
  })

  it('should let no two folders import each other, however far around', () => {
    expect(crossings.length).toBeGreaterThan(50)
    const cycles = crossings.filter(({ from, to }) => reachableFrom(to).has(from))
    expect(cycles.map(({ file, name }) => `${file} -> ${name}`)).toEqual([])
  })

  it('should keep the auction core and its bidders free of Prisma, Redis and GraphQL', () => {
    expect(
      offenders(
        /^(auction|bidders)\//,
        /^(@?prisma|ioredis|graphql|@pothos|generated|db\/|redis\/|graphql\/|server\/)/,
      ),
    ).toEqual([])
  })

  it('should keep the domains free of the API and the server', () => {
    expect(
      offenders(
        /^(access|auction|bidders|catalog|history|notices|rate-limit|sold-once|stats|db|redis)\//,
        /^(graphql|server|cli)\/|^graphql(-yoga|-ws)?$/,
      ),
    ).toEqual([])
  })

  it('should let the statistics and the limits know nothing of the database', () => {
    expect(offenders(/^(rate-limit|sold-once|stats)\//, /^(@prisma|pg$|generated|db\/)/)).toEqual([])
  })

  it('should let the group commit know nothing of what it commits', () => {
    expect(offenders(/^commit\//, /^(?!commit\/)/)).toEqual([])
  })

  it('should let nothing but entry points import the commands', () => {
    expect(offenders(/^(?!cli\/|main\.ts)/, /^cli\//)).toEqual([])
  })

  it('should create nothing at import, and keep no variable in a module', () => {
    const atImport =
      /^(?:export )?(?:let |var |const \w+(?:: [^=]+)? = (?:await )?(?:create|open|connect|start)[A-Z]\w*\()/m
    // A thread's file is where it begins, as main.ts is where the process does.
    const services = imports.filter(({ file }) => !/^(cli|db)\/|^main\.ts$|-thread\.ts$/.test(file))
    expect(services.filter(({ text }) => atImport.test(text)).map(({ file }) => file)).toEqual([])
  })

  it('should read process.env in entry points alone', () => {
    const readers = imports.filter(({ text }) => text.includes('process.env')).map(({ file }) => file)
    expect(readers.filter((file) => file !== 'main.ts' && !file.startsWith('cli/'))).toEqual([])
  })

  it('should let src use only what is installed without devDependencies', () => {
    const dependencies = Object.keys(packages['']?.dependencies ?? {})
    const used = imports.flatMap(({ file, imported }) =>
      imported
        .filter((name) => /^(@[a-z][\w.-]*\/)?[a-z][\w.-]*(\/|$)/.test(name) && !/\.(ts|js|lua)$|^generated/.test(name))
        .map((name) => ({ file, name: /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name })),
    )
    expect(used.length).toBeGreaterThan(50)
    expect(used.filter(({ name }) => !dependencies.includes(name))).toEqual([])
    expect(imports.filter(({ text }) => text.includes('schema-engine')).map(({ file }) => file)).toEqual([])
  })

  it('should install Prisma’s schema engine for development alone', () => {
    const engines = Object.keys(packages).filter((path) => path.endsWith('/@prisma/schema-engine-wasm'))
    expect(engines).not.toEqual([])
    expect(engines.filter((path) => packages[path]?.dev !== true)).toEqual([])
  })
})
