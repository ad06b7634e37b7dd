import { type DestinationStream, destination, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { type FormattedAuction, formatAuction } from './auction/format-auction.ts'
import type { Instance } from './instance.ts'
import type { LogLevel } from './variables.ts'

export type { Logger } from 'pino'

/**
 * A log on standard output: lines for a person on a terminal, JSON elsewhere.
 * @param instance named in each line of JSON
 */
export function createLog(level: LogLevel, instance?: Pick<Instance, 'name'>): Logger {
  const base = instance === undefined ? null : { instance: instance.name }
  const options = { level, base, serializers: { err: errorFields } }
  return pino(options, process.stdout.isTTY ? terminal() : destination({ dest: 1, sync: false }))
}

/** Colours follow NO_COLOR. An auction is a block of lines; what is in the message already, and ids, are not repeated as fields. */
function terminal(): DestinationStream {
  return pretty({
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,auction,listening,instance,requestId,operationId,traceId',
    messageFormat: (line, messageKey) =>
      line.auction === undefined ? String(line[messageKey]) : formatAuction(line.auction as FormattedAuction),
  })
}

/**
 * What is told of an error: nothing that libraries hang on it, such as a command of Redis with its arguments, which may be a
 * user's address; and no password in a URL.
 */
export function errorFields(error: unknown) {
  if (!(error instanceof Error)) return error
  const { type, message, stack, code } = pino.stdSerializers.err(error)
  return { type, message: withoutPasswords(message), stack: withoutPasswords(stack), ...(code && { code }) }
}

function withoutPasswords(text = ''): string {
  return text.replaceAll(/\/\/[^\s/]*@/g, '//***@')
}
