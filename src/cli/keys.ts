import { defineCommand } from 'citty'
import { changeKeys, readKeys } from '../access/keys-file.ts'
import { KEYS_MAX, RATE_MAX, RATE_WINDOW_MS_MAX } from '../access/parse-keys.ts'
import { createToken } from '../access/token.ts'
import { type ApiKey, ROLES } from '../access/types.ts'
import { idProblem } from '../catalog/id.ts'
import { parseConfig } from '../config.ts'
import { oneOf, type ValueKind, wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { OptionError, parseOption, TIME, valuesOf } from './options.ts'

const WINDOW_MS = 1000

const create = defineCommand({
  meta: { name: 'create', description: 'Make a key, print its token, and let running services know it within 2 s' },
  args: {
    name: { type: 'string', required: true, valueHint: 'NAME', description: 'Whose it is' },
    role: {
      type: 'string',
      required: true,
      valueHint: ROLES.join('|'),
      description: 'A publisher sells and reads of its supplies, an analyst reads, an admin may do all',
    },
    supply: {
      type: 'string',
      valueHint: 'ID',
      description: 'A supply that it is for; may be given several times (default: all)',
    },
    rate: {
      type: 'string',
      valueHint: 'N',
      description: 'How much it may ask for in a window, over all instances (default: any)',
    },
    window: { type: 'string', valueHint: 'MS', description: `The window of --rate (default: ${WINDOW_MS})` },
    expires: { type: 'string', valueHint: 'TIME', description: 'When it ends (default: never)' },
  },
  run: ({ args, rawArgs }) =>
    runCommand(async () => {
      const path = keysFile()
      const { id, token, hash } = createToken()
      const key = toKey(id, hash, { ...args, supplies: valuesOf('--supply', rawArgs) })
      await changeKeys(path, (keys) => {
        if (keys.length >= KEYS_MAX) throw new OptionError(`${path} has ${KEYS_MAX} keys already: revoke some of them.`)
        return [...keys, key]
      })
      process.stderr.write(`Made the key ${id}. This is its token; it is nowhere else, and not shown again:\n`)
      process.stdout.write(`${token}\n`)
    }),
})

const list = defineCommand({
  meta: { name: 'list', description: 'List the keys; their tokens are with their owners alone' },
  run: () =>
    runCommand(async () => {
      const keys = await readKeys(keysFile())
      const rows = [['ID', 'ROLE', 'NAME', 'SUPPLIES', 'RATE', 'CREATED', 'EXPIRES'], ...keys.map(toRow)]
      const widths = rows[0]?.map((_title, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
      for (const row of rows) {
        const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
        process.stdout.write(`${line.trimEnd()}\n`)
      }
    }),
})

const revoke = defineCommand({
  meta: { name: 'revoke', description: 'End a key: running services refuse it within 2 s, and close its connections' },
  args: { id: { type: 'positional', required: true, description: 'The key’s id, as `auction keys list` shows it' } },
  run: ({ args }) =>
    runCommand(async () => {
      const path = keysFile()
      await changeKeys(path, (keys) => {
        const left = keys.filter(({ id }) => id !== args.id)
        if (left.length === keys.length)
          throw new OptionError(`${path} has no key ${args.id}: auction keys list shows all.`)
        return left
      })
      process.stdout.write(`Revoked the key ${args.id}.\n`)
    }),
})

export const keysCommand = defineCommand({
  meta: { name: 'keys', description: 'Make, list and revoke the API keys of API_KEYS_FILE' },
  subCommands: { create, list, revoke },
})

/** @throws OptionError where none is named */
function keysFile(): string {
  const { apiKeysFile } = parseConfig(process.env)
  if (apiKeysFile !== undefined) return apiKeysFile
  throw new OptionError('Set API_KEYS_FILE to the file of keys, the same as the service has, such as ./api-keys.json.')
}

interface KeyOptions {
  readonly name: string
  readonly role: string
  readonly supplies: readonly string[]
  readonly rate?: string | undefined
  readonly window?: string | undefined
  readonly expires?: string | undefined
}

/** @throws OptionError naming the first option that cannot be used */
function toKey(id: string, hash: string, options: KeyOptions): ApiKey {
  const { rate, window, expires } = options
  const name = parseOption('--name', options.name, NAME)
  const role = parseOption('--role', options.role, oneOf(ROLES))
  const supplies = options.supplies.map((supply) => parseOption('--supply', supply, SUPPLY_ID))
  if (role === 'admin' && supplies.length > 0) {
    throw new OptionError(
      '--supply cannot be used with --role admin, who may do all: leave it out, or take another role.',
    )
  }
  if (window !== undefined && rate === undefined) throw new OptionError('--window is that of --rate: give both.')
  const windowMs = parseOption('--window', window ?? `${WINDOW_MS}`, wholeNumber(1, RATE_WINDOW_MS_MAX))
  const expiresAt = expires === undefined ? undefined : parseOption('--expires', expires, FUTURE)
  return {
    id,
    name,
    role,
    hash,
    ...(supplies.length > 0 && { supplies }),
    ...(rate !== undefined && { rate: { max: parseOption('--rate', rate, wholeNumber(1, RATE_MAX)), windowMs } }),
    createdAt: new Date().toISOString(),
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
  }
}

function toRow({ id, role, name, supplies, rate, createdAt, expiresAt }: ApiKey): string[] {
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
  return [
    id,
    role,
    name,
    supplies ? supplies.join(',') : 'all',
    rate ? `${rate.max} / ${rate.windowMs} ms` : 'any',
    createdAt,
    expiresAt === undefined ? 'never' : `${expiresAt}${isOver ? ' (over)' : ''}`,
  ]
}

const NAME: ValueKind<string> = {
  allowed: 'a text of 1 to 100 characters',
  parse: (text) => (/^.{1,100}$/u.test(text.trim()) ? text.trim() : undefined),
}
const SUPPLY_ID: ValueKind<string> = {
  allowed: 'a supply’s id',
  parse: (text) => (idProblem(text) === undefined ? text : undefined),
}
const FUTURE: ValueKind<Date> = {
  allowed: `${TIME.allowed}, and in the future`,
  parse: (text) => {
    const time = TIME.parse(text)
    return time && time.getTime() > Date.now() ? time : undefined
  },
}
