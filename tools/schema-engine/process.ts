import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { EvaluateDataLossInput } from '@prisma/schema-engine-wasm'
import pg from 'pg'
import { codeOf, messageOf } from '../../src/db/database-error.ts'
import { type EmbeddedDatabase, openEmbedded } from '../../src/db/embedded/embedded.ts'
import { parseEmbeddedUrl } from '../../src/db/embedded-url.ts'
import type { Datamodel, OpenSchemaEngine } from './engine.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** Where databases are created from, by PostgreSQL's convention. */
const MAINTENANCE_DATABASE = 'postgres'

/** Prisma's codes for why a database cannot be connected to, by PostgreSQL's. */
const PRISMA_CODES: Readonly<Record<string, string>> = { '3D000': 'P1003', '28P01': 'P1000', '28000': 'P1010' }
const CANNOT_REACH = 'P1001'
const DATABASE_MISSING = 'P1003'
/** JSON-RPC's code for an error that `data` explains, as the native engine has it. */
const RPC_SERVER_ERROR = 4466

/**
 * Plays the native schema engine to the Prisma CLI, which starts it as a process of its own: JSON-RPC, a message a
 * line, on stdin and stdout, or one of two `cli` commands; problems as JSON lines on stderr. The engine itself is the
 * WebAssembly one. Ends when stdin does.
 */
export async function runSchemaEngineProcess(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    strict: false,
    allowPositionals: true,
    options: { datamodels: { type: 'string', multiple: true }, datasource: { type: 'string' } },
  })
  const { url } = JSON.parse(typeof values.datasource === 'string' ? values.datasource : '{}') as { url?: string }
  const dataDir = url === undefined ? undefined : parseEmbeddedUrl(url)
  const once = positionals[0] === 'cli'
  // The native engine greets, and the CLI skips the first line.
  if (once) report('INFO', { message: 'the schema engine has started' })
  let embedded: EmbeddedDatabase | undefined
  try {
    if (dataDir !== undefined) embedded = await openEmbedded({ dataDir, command: 'prisma' })
    const connectionString = embedded?.connectionString ?? url
    if (once) await runOnce(positionals[1], connectionString)
    else await answerRequests(connectionString, (values.datamodels ?? []).map(String))
  } catch (error) {
    reportFailure(messageOf(error), codeOf(error))
  } finally {
    await embedded?.dispose()
  }
}

async function runOnce(command: string | undefined, connectionString: string | undefined): Promise<void> {
  if (connectionString === undefined) throw new Error('no database: set DATABASE_URL, or leave it to prisma.config.ts')
  const target = new URL(connectionString)
  if (command === 'create-database') {
    const name = decodeURIComponent(target.pathname.slice(1))
    target.pathname = MAINTENANCE_DATABASE
    return withClient(target.href, async (client) => {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
    })
  }
  if (command !== 'can-connect-to-database') throw new Error(`unknown command ${command}`)
  await withClient(connectionString, async () => {}).catch((error) => {
    const code = PRISMA_CODES[codeOf(error) ?? ''] ?? CANNOT_REACH
    const name = target.pathname.slice(1)
    const place = `${target.hostname}:${target.port || 5432}`
    const missing = code === DATABASE_MISSING
    reportFailure(missing ? `Database ${name} does not exist on ${place}` : `${messageOf(error)} (${place})`, code)
  })
}

async function withClient(connectionString: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  client.on('error', () => {})
  await client.connect()
  await work(client).finally(() => client.end())
}

interface RpcRequest {
  readonly id: number
  readonly method?: string
  readonly params?: unknown
}

async function answerRequests(connectionString: string | undefined, files: readonly string[]): Promise<void> {
  // Not before: of the two processes that the CLI starts for each command, the first has no use for it.
  const { createSchemaEnginePool, openSchemaEngine } = await import('./engine.ts')
  const datamodels = await Promise.all(
    files.map(async (file): Promise<Datamodel> => [file, await readFile(file, 'utf8')]),
  )
  const pool = connectionString === undefined ? undefined : createSchemaEnginePool(connectionString, CONNECT_TIMEOUT_MS)
  let opening: Promise<OpenSchemaEngine> | undefined
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  // The CLI closes stdin and sends SIGTERM at once: what is running must be finished nevertheless.
  process.once('SIGTERM', () => lines.close())
  for await (const line of lines) {
    const request = JSON.parse(line) as RpcRequest
    // The rest is the CLI's answers to what it was asked to print.
    if (request.method === undefined) continue
    opening ??= openSchemaEngine({ pool, datamodels })
    send({ jsonrpc: '2.0', id: request.id, ...(await answer(opening, request.method, request.params)) })
  }
  await (await opening?.catch(() => undefined))?.dispose()
  await pool?.end()
}

async function answer(opening: Promise<OpenSchemaEngine>, method: string, params: unknown): Promise<object> {
  let opened: OpenSchemaEngine | undefined
  try {
    opened = await opening
    const name = method === 'getDatabaseVersion' ? 'version' : method
    const run: unknown = Reflect.get(opened.engine, name)
    if (typeof run !== 'function') throw new Error(`the schema engine has no method ${method}`)
    // Unlike others, this method has no shadow database of its own: it finds what another has learnt there.
    if (method === 'evaluateDataLoss') await opened.engine.devDiagnostic(params as EvaluateDataLossInput)
    const result: unknown = await run.call(opened.engine, params)
    if (method === 'diff') await printOutput(result)
    return { result: result ?? null }
  } catch (error) {
    const { message, code } = opened?.explain(error) ?? { message: messageOf(error), code: codeOf(error) }
    const data = { is_panic: false, message, meta: null, ...(code === undefined ? {} : { error_code: code }) }
    return { error: { code: RPC_SERVER_ERROR, message: 'An error happened. Check the data field for details.', data } }
  }
}

let printed = 0

/** The engine in WebAssembly returns what the native one has the CLI print. */
function printOutput(result: unknown): void {
  const output: unknown = typeof result === 'object' && result !== null ? Reflect.get(result, 'stdout') : undefined
  if (typeof output !== 'string') return
  printed += 1
  send({ jsonrpc: '2.0', id: printed, method: 'print', params: { content: output } })
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

function reportFailure(message: string, code: string | undefined): void {
  report('ERROR', { message, ...(code === undefined ? {} : { error_code: code }) })
  process.exitCode = 1
}

/** In the form in which the CLI reads it. */
function report(level: string, fields: object): void {
  process.stderr.write(`${JSON.stringify({ level, target: 'schema_engine::logger', fields })}\n`)
}
