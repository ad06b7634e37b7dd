import { type DestinationStream, destination, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { LogLevel } from './config.ts'

export type { Logger } from 'pino'

/** A log on standard output: lines for a person on a terminal, JSON elsewhere. */
export function createLog(level: LogLevel): Logger {
  return pino({ level, base: null }, process.stdout.isTTY ? terminal() : destination({ dest: 1, sync: false }))
}

/** Colours follow NO_COLOR; what is in the message already is not repeated as fields. */
function terminal(): DestinationStream {
  return pretty({
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,auction,listening',
  })
}
