import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type ErrorRegistry,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm'
import pg from 'pg'
import { codeOf, messageOf } from '../../src/db/database-error.ts'
import { openInMemory } from '../../src/db/embedded/in-memory.ts'
import type { Migration } from '../../src/db/migration-files.ts'
import { newDatabaseFiles } from './new-database.ts'

/** A Prisma schema file: its path and its text. */
export type Datamodel = [path: string, content: string]

export const LOCK_FILE = 'migration_lock.toml'
export const LOCK_FILE_CONTENT = 'provider = "postgresql"\n'

/** What the engine is given where there is no schema to work with: it insists on one. */
const MINIMAL_DATAMODEL: Datamodel = ['schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n']

/** PostgreSQL's type "char", one byte of text, which @prisma/adapter-pg does not know, and char(n), which it does. */
const CHAR_OID = 18
const BPCHAR_OID = 1042

/** What the schema engine has refused or failed to do; `code` is Prisma's, such as P3018, where there is one. */
export class SchemaEngineError extends Error {
  override readonly name = 'SchemaEngineError'
  readonly code: string | undefined

  constructor(message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface SchemaEngineOptions {
  /**
   * The database, through one connection (`max: 1`), so that a transaction begun on the pool holds what the engine
   * does. Undefined: there is none, and only migrations and schemas can be compared.
   */
  readonly pool: pg.Pool | undefined
  readonly datamodels?: readonly Datamodel[]
}

export interface OpenSchemaEngine {
  readonly engine: SchemaEngine
  /** Turns what the engine throws into an error that says what the database has said. */
  explain(error: unknown): SchemaEngineError
  /** Closes the engine, and not the pool. */
  dispose(): Promise<void>
}

/**
 * Starts Prisma's schema engine in this process, from WebAssembly. Shadow databases, in which it tries migrations out,
 * are in memory.
 */
export async function openSchemaEngine(options: SchemaEngineOptions): Promise<OpenSchemaEngine> {
  const { pool, datamodels = [] } = options
  loading ??= load()
  const SchemaEngineClass = await loading
  const opened: (() => Promise<void>)[] = []
  const factory = bindMigrationAwareSqlAdapterFactory(createAdapterFactory(pool, opened))
  const engine = await SchemaEngineClass.new(
    { datamodels: datamodels.length === 0 ? [MINIMAL_DATAMODEL] : [...datamodels] },
    () => {},
    factory,
  )
  return {
    engine,
    explain: (error) => explain(error, factory.errorRegistry),
    async dispose() {
      engine.free()
      await Promise.all(opened.map((close) => close()))
    },
  }
}

/** A pool as the engine wants it: of one connection, whose results the adapter understands. */
export function createSchemaEnginePool(connectionString: string, connectionTimeoutMs: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    connectionTimeoutMillis: connectionTimeoutMs,
    max: 1,
    idleTimeoutMillis: 0,
  })
  pool.on('error', () => {})
  const query: (config: pg.QueryArrayConfig, values?: unknown[]) => Promise<pg.QueryArrayResult> = pool.query.bind(pool)
  return Object.assign(pool, {
    async query(config: pg.QueryArrayConfig, values?: unknown[]) {
      const result = await query(config, values)
      // A script's results are several, and nobody reads them.
      if (!Array.isArray(result)) charColumns.set(result.rows, relabelCharColumns(result.fields))
      return result
    },
  })
}

/** The migrations as the engine takes them. */
export function toMigrationList(directory: string, migrations: readonly Migration[]): MigrationList {
  return {
    baseDir: directory,
    lockfile: { path: LOCK_FILE, content: LOCK_FILE_CONTENT },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, up }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: up } },
    })),
  }
}

/** By a result's rows, which of its columns are of type "char". */
const charColumns = new WeakMap<object, number[]>()

/** The engine refers by a number to errors that came from the driver. */
const EXTERNAL_ERROR = /External error id#(\d+)/

function explain(error: unknown, registry: ErrorRegistry): SchemaEngineError {
  const message = error instanceof Error ? error.message : String(error)
  const id = EXTERNAL_ERROR.exec(message)?.[1]
  const external = id === undefined ? undefined : registry.consumeError(Number(id))?.error
  const text = external === undefined ? message : messageOf(external)
  return new SchemaEngineError(text, codeOf(error), { cause: external ?? error })
}

type SchemaEngineClass = typeof SchemaEngine
let loading: Promise<SchemaEngineClass> | undefined

/** The package's own loader imports the .wasm file as a module, which Node 20 cannot. */
async function load(): Promise<SchemaEngineClass> {
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'))
  const bytes = await readFile(join(folder, 'schema_engine_bg.wasm'))
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: () => {} } })
  const imports: Record<string, unknown> = { ...glue }
  for (const name of Object.keys(glue).filter((key) => key.startsWith('__wbg_setTimeout_'))) {
    // The engine leaves timers behind, which would keep the process for 10 s after its work.
    imports[name] = (callback: () => void, ms: number) => setTimeout(callback, ms).unref()
  }
  const { instance } = await WebAssembly.instantiate(bytes, {
    './schema_engine_bg.js': imports as WebAssembly.ModuleImports,
  })
  glue.__wbg_set_wasm(instance.exports)
  const start = instance.exports.__wbindgen_start
  if (typeof start === 'function') start()
  return glue.SchemaEngine
}

function createAdapterFactory(
  pool: pg.Pool | undefined,
  opened: (() => Promise<void>)[],
): SqlMigrationAwareDriverAdapterFactory {
  async function connectInMemory(): Promise<SqlDriverAdapter> {
    const database = await openInMemory(await newDatabaseFiles())
    const shadow = createSchemaEnginePool(database.connectionString, 0)
    let closing: Promise<void> | undefined
    async function close(): Promise<void> {
      await shadow.end()
      await database.dispose()
    }
    const dispose = () => (closing ??= close())
    opened.push(dispose)
    const adapter = await connect(shadow)
    adapter.dispose = dispose
    return adapter
  }
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => (pool === undefined ? connectInMemory() : connect(pool)),
    connectToShadowDb: connectInMemory,
  }
}

async function connect(pool: pg.Pool): Promise<SqlDriverAdapter> {
  const adapter = await new PrismaPg(pool).connect()
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (statement) => {
    const result = await queryRaw(statement)
    for (const column of charColumns.get(result.rows) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character
    return result
  }
  // The adapter would cut the script at every semicolon. Without arguments a query is sent whole, as a simple query,
  // which PostgreSQL runs as one transaction.
  adapter.executeScript = async (script) => {
    await adapter.executeRaw({ sql: script, args: [], argTypes: [] })
  }
  return adapter
}

/** Hides "char" from the adapter; returns where it was. */
function relabelCharColumns(fields: pg.FieldDef[]): number[] {
  return fields.flatMap((field, column) => {
    if (field.dataTypeID !== CHAR_OID) return []
    field.dataTypeID = BPCHAR_OID
    return column
  })
}
