import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { type ArgsDef, defineCommand } from 'citty'
import { parseConfig } from '../config.ts'
import { openPostgres, type Postgres } from '../db/database.ts'
import { DatabaseError } from '../db/database-error.ts'
import { migrateDown, migrateUp, planMigrateDown, readMigrationStates } from '../db/migrations.ts'
import { wholeNumber } from '../value-kinds.ts'
import { runCommand } from './command-error.ts'
import { OptionError, parseOption } from './options.ts'

const MAX_STEPS = 10_000

const STEPS_AND_TARGET = {
  steps: { type: 'string', alias: 'n', description: 'How many migrations', valueHint: 'number' },
  to: {
    type: 'string',
    description:
      'Until this migration is the last one applied; the beginning of its name will do, "base" is before the first',
    valueHint: 'name',
  },
} as const satisfies ArgsDef

const up = defineCommand({
  meta: { name: 'up', description: 'Apply what is not applied yet: everything, --steps of it, or --to a migration' },
  args: STEPS_AND_TARGET,
  run: ({ args }) =>
    run('up', args, async ({ connectionString }, extent) => {
      const applied = await migrateUp({ connectionString, ...extent })
      for (const name of applied) print(`${green('applied')} ${name}`)
      if (applied.length === 0) print('Nothing to apply.')
    }),
})

const down = defineCommand({
  meta: { name: 'down', description: 'Undo the last migration, --steps of them, or all after --to a migration' },
  args: { ...STEPS_AND_TARGET, yes: { type: 'boolean', alias: 'y', description: 'Do not ask before data is dropped' } },
  run: ({ args }) =>
    run('down', args, async ({ connectionString }, extent) => {
      const names = await planMigrateDown({ connectionString, ...extent })
      if (names.length === 0) return print('Nothing to undo.')
      if (args.yes !== true) await confirm(names)
      for (const name of await migrateDown({ connectionString, names })) print(`${green('undone')} ${name}`)
    }),
})

const status = defineCommand({
  meta: {
    name: 'status',
    description: 'Show the current migration, and which are not applied yet: then it ends with 1',
  },
  run: () =>
    run('status', {}, async ({ connectionString }) => {
      const states = await readMigrationStates({ connectionString })
      const pending = states.filter(({ appliedAt }) => appliedAt === undefined)
      const current = states.findLast(({ appliedAt }) => appliedAt !== undefined)
      print(`Current: ${current?.name ?? 'none'}`)
      if (pending.length === 0) return print('The database is up to date.')
      print(`Not applied (${pending.length}), apply with \`auction migrate up\`:`)
      for (const { name } of pending) print(`  ${name}`)
      process.exitCode = 1
    }),
})

const history = defineCommand({
  meta: { name: 'history', description: 'List every migration, and when it was applied' },
  run: () =>
    run('history', {}, async ({ connectionString }) => {
      const states = await readMigrationStates({ connectionString })
      const width = Math.max(0, ...states.map(({ name }) => name.length))
      for (const { name, appliedAt } of states) {
        print(`${name.padEnd(width)}  ${appliedAt?.toISOString() ?? yellow('not applied')}`)
      }
    }),
})

export const migrateCommand = defineCommand({
  meta: { name: 'migrate', description: 'Bring the database’s schema forward or back' },
  subCommands: { up, down, status, history },
})

interface Extent {
  readonly steps?: number | undefined
  readonly to?: string | undefined
}

type ExtentArgs = { readonly [name in keyof Extent]?: string | undefined }

function run(
  name: string,
  args: ExtentArgs,
  work: (postgres: Postgres, extent: Extent) => Promise<void>,
): Promise<void> {
  return runCommand(async () => {
    const extent = readExtent(args)
    const postgres = await openPostgres(parseConfig(process.env), { command: `auction migrate ${name}` })
    try {
      await work(postgres, extent)
    } finally {
      await postgres.dispose()
    }
  })
}

/** @throws OptionError */
function readExtent({ steps, to }: ExtentArgs): Extent {
  if (steps === undefined) return { to }
  if (to !== undefined) throw new OptionError('--steps and --to cannot be used together: give one of them.')
  return { steps: parseOption('--steps', steps, wholeNumber(1, MAX_STEPS)) }
}

/** @throws DatabaseError MIGRATION_NOT_CONFIRMED */
async function confirm(names: readonly string[]): Promise<void> {
  const what = `undo ${names.join(', ')}, which drops the data that came with ${names.length === 1 ? 'it' : 'them'}`
  if (!process.stdin.isTTY) {
    throw new DatabaseError('MIGRATION_NOT_CONFIRMED', `this would ${what}: run it with --yes if you mean it`)
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`This will ${what}. Go on? [y/N] `).finally(() => terminal.close())
  if (!/^y(es)?$/i.test(answer.trim())) throw new DatabaseError('MIGRATION_NOT_CONFIRMED', 'nothing was undone')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function green(text: string): string {
  return styleText('green', text, { stream: process.stdout })
}

function yellow(text: string): string {
  return styleText('yellow', text, { stream: process.stdout })
}
