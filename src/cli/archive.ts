import { basename } from 'node:path'
import { defineCommand } from 'citty'
import { type Config, parseConfig } from '../config.ts'
import { openDatabase } from '../db/database.ts'
import { isDatabaseUnavailable, unreachable } from '../db/unavailable.ts'
import {
  type ArchiveOptions,
  type ArchiveStep,
  archiveDueDays,
  type DueStep,
  listDueSteps,
} from '../history/archive/archive.ts'
import { ArchiveError } from '../history/archive/archive-error.ts'
import { runCommand } from './command-error.ts'

export const archiveCommand = defineCommand({
  meta: {
    name: 'archive',
    description: 'Move days of the auction log past RETENTION_WARM_DAYS into Parquet files under ARCHIVE_DIR',
  },
  args: {
    'dry-run': { type: 'boolean', default: false, description: 'Say what would be done, and change nothing' },
  },
  run: ({ args }) =>
    runCommand(async () => {
      const config = parseConfig(process.env)
      const directory = requireDirectory(config)
      const database = await openDatabase(config, { command: 'auction archive' })
      const options: ArchiveOptions = {
        connectionString: database.connectionString,
        embedded: database.embedded,
        directory,
        warmDays: config.retentionWarmDays,
        coldDays: config.retentionColdDays,
        nowMs: Date.now(),
      }
      try {
        const lines = args['dry-run'] ? dueLines(options) : doneLines(options)
        let count = 0
        for await (const line of lines) {
          process.stdout.write(`${line}\n`)
          count += 1
        }
        if (count === 0) process.stdout.write(`Nothing to archive: no day is past ${config.retentionWarmDays} days.\n`)
      } catch (error) {
        throw isDatabaseUnavailable(error) ? unreachable(database.connectionString, error, database.embedded) : error
      } finally {
        await database.dispose()
      }
    }),
})

function requireDirectory({ archiveDir }: Config): string {
  if (archiveDir !== undefined) return archiveDir
  const message =
    'ARCHIVE_DIR is not set, so nothing is archived and nothing dropped: set it to the folder of the archive'
  throw new ArchiveError('ARCHIVE_DIR_UNSET', message)
}

async function* doneLines(options: ArchiveOptions): AsyncGenerator<string> {
  for await (const step of archiveDueDays(options)) yield describeStep(step, options)
}

async function* dueLines(options: ArchiveOptions): AsyncGenerator<string> {
  for (const step of await listDueSteps(options)) yield describeDue(step)
}

export function describeStep(step: ArchiveStep, { coldDays }: Pick<ArchiveOptions, 'coldDays'>): string {
  if (step.type === 'EXPIRED') return `${step.day}  past ${coldDays} days: ${basename(step.path)} was removed`
  const { day, moved, file } = step
  if (!file) return `${day}  no auctions: the partition was dropped`
  const each = (file.bytes / file.auctions).toFixed(1)
  const all = file.auctions === moved ? '' : `, which has ${number(file.auctions)}`
  const size = `${number(file.bytes)} bytes, ${each} an auction`
  return `${day}  ${number(moved)} auctions moved to ${basename(file.path)}${all}: ${size}`
}

function describeDue(step: DueStep): string {
  if (step.type === 'EXPIRE') return `${step.day}  ${basename(step.path)} would be removed`
  return `${step.day}  ${number(step.auctions)} auctions would be archived`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
