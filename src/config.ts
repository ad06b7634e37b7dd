/** Everything a service can be told, parsed from environment variables once, in the entry points. */
export interface Config {
  readonly port: number
  readonly host: string
  /** A PostgreSQL server; undefined: the embedded one in `dataDir`. */
  readonly databaseUrl: string | undefined
  readonly dataDir: string
  /** Redis nodes for each purpose, more than one for a cluster; undefined: this process's memory. */
  readonly redisUrl: string | undefined
  readonly redisRateLimitUrl: string | undefined
  readonly redisStatsUrl: string | undefined
  readonly rateLimitMax: number
  readonly rateLimitWindowMs: number
  /** Bidders' simulated latency is uniform in 0..factor x tmax. */
  readonly simulatedLatencyFactor: number
  readonly noBidProbability: number
  /** The seed that makes auctions replay; undefined: a random one. */
  readonly simulationSeed: number | undefined
  readonly shutdownTimeoutMs: number
  readonly logLevel: LogLevel
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A value that cannot be used; the message names the variable, the value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG_INVALID'
}

/** One environment variable: its name, default, meaning, and how its text becomes a value. */
interface Variable<T> {
  readonly name: string
  readonly default: string | undefined
  readonly description: string
  /** What is allowed, for the error and the documentation. */
  readonly allowed: string
  /** Returns undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined
}

const VARIABLES = {
  port: integer('PORT', '4000', 'The TCP port to listen on; 0 takes a free one.', 0, 65_535),
  host: text('HOST', '127.0.0.1', 'The address to listen on; 0.0.0.0 for every IPv4 interface.'),
  databaseUrl: url('DATABASE_URL', 'A PostgreSQL server. Unset: the embedded one.', ['postgresql:', 'postgres:']),
  dataDir: text('DATA_DIR', '.data', 'Where the embedded PostgreSQL keeps its files.'),
  redisUrl: urls('REDIS_URL', 'Redis for limits, statistics and live updates. Unset: this process’s memory.'),
  redisRateLimitUrl: urls(
    'REDIS_RATE_LIMIT_URL',
    'Redis for the rate limits alone, where it is another one than REDIS_URL.',
  ),
  redisStatsUrl: urls(
    'REDIS_STATS_URL',
    'Redis for statistics and live updates, where it is another one than REDIS_URL.',
  ),
  rateLimitMax: integer('RATE_LIMIT_MAX', '3', 'Auctions allowed per IP address and window.', 1, 1_000_000),
  rateLimitWindowMs: integer('RATE_LIMIT_WINDOW_MS', '60000', 'The sliding window, in milliseconds.', 1, 86_400_000),
  simulatedLatencyFactor: decimal(
    'SIMULATED_LATENCY_FACTOR',
    '1.5',
    'Bidders answer after 0 to this many times tmax; 0: at once.',
    0,
    100,
  ),
  noBidProbability: decimal('NO_BID_PROBABILITY', '0.3', 'The share of answers that bid nothing.', 0, 1),
  simulationSeed: optionalInteger('SIMULATION_SEED', 'Replays the same auctions. Unset: random.', 0, 2 ** 32 - 1),
  shutdownTimeoutMs: integer(
    'SHUTDOWN_TIMEOUT_MS',
    '10000',
    'How long a shutdown may take to answer what is in flight, in milliseconds.',
    0,
    600_000,
  ),
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    description: 'The least severe level that is logged; each auction is logged at info.',
    allowed: `one of ${LOG_LEVELS.join(', ')}`,
    parse: (value) => LOG_LEVELS.find((level) => level === value),
  } satisfies Variable<LogLevel> as Variable<LogLevel>,
} as const

/**
 * Reads the configuration from environment variables; an empty variable counts as unset.
 * @throws ConfigError naming the first variable with a value that is not allowed
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const entries = Object.entries(VARIABLES).map(([key, variable]) => [key, read(variable, env[variable.name])])
  return Object.freeze(Object.fromEntries(entries)) as Config
}

/** Every variable, for the documentation: name, default, what is allowed, meaning. */
export function describeConfig(): { name: string; default: string; allowed: string; description: string }[] {
  return Object.values(VARIABLES).map(({ name, default: value, allowed, description }) => ({
    name,
    default: value ?? '',
    allowed,
    description,
  }))
}

function read(variable: Variable<unknown>, given: string | undefined): unknown {
  const value = given === undefined || given === '' ? variable.default : given
  if (value === undefined) return undefined
  const parsed = variable.parse(value)
  if (parsed === undefined) {
    throw new ConfigError(`${variable.name}=${redact(value)} cannot be used: it must be ${variable.allowed}.`)
  }
  return parsed
}

/** A URL's password must not reach a terminal or a log. */
function redact(value: string): string {
  return value.replaceAll(/(:\/\/[^:/@]*:)[^@]*@/g, '$1***@')
}

function text(name: string, fallback: string, description: string): Variable<string> {
  return { name, default: fallback, description, allowed: 'some text', parse: (value) => value.trim() || undefined }
}

function integer(name: string, fallback: string, description: string, min: number, max: number): Variable<number> {
  return {
    name,
    default: fallback,
    description,
    allowed: `a whole number from ${min} to ${max}`,
    parse: (value) => within(/^\d{1,12}$/.test(value) ? Number(value) : Number.NaN, min, max),
  }
}

function optionalInteger(name: string, description: string, min: number, max: number): Variable<number> {
  return { ...integer(name, '', description, min, max), default: undefined }
}

function decimal(name: string, fallback: string, description: string, min: number, max: number): Variable<number> {
  return {
    name,
    default: fallback,
    description,
    allowed: `a number from ${min} to ${max}`,
    parse: (value) => within(/^\d{1,12}(\.\d{1,12})?$/.test(value) ? Number(value) : Number.NaN, min, max),
  }
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined
}

function url(name: string, description: string, protocols: readonly string[]): Variable<string> {
  return {
    name,
    default: undefined,
    description,
    allowed: `a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    parse: (value) => (URL.canParse(value) && protocols.includes(new URL(value).protocol) ? value : undefined),
  }
}

function urls(name: string, description: string): Variable<string> {
  const one = url(name, description, ['redis:', 'rediss:'])
  return {
    ...one,
    allowed: `${one.allowed}, or several such, separated by commas, for the nodes of a cluster`,
    parse: (value) => (value.split(',').every((part) => one.parse(part.trim()) !== undefined) ? value : undefined),
  }
}
