import { EnvError, makeExactValidator, type OptionalValidatorSpec, type RequiredValidatorSpec } from 'envalid'
import {
  clusterUrl,
  decimal,
  HEADERS,
  HOST_NAMES,
  HTTP_URL,
  NETWORKS,
  ORIGINS,
  oneOf,
  REDIS_PREFIX,
  SOME_TEXT,
  url,
  type ValueKind,
  wholeNumber,
} from './value-kinds.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const AUCTION_LOGS = ['all', 'off'] as const
const SWITCH = ['on', 'off'] as const
const SAMPLERS = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const
const BIT = ['0', '1'] as const

/** Everything a service can be told. A field is named as its variable is: `rateLimitMax` is RATE_LIMIT_MAX. */
export const VARIABLES = {
  PORT: variable(wholeNumber(0, 65_535), 'The TCP port to listen on; 0 takes a free one.', 4000),
  HOST: variable(SOME_TEXT, 'The address to listen on; 0.0.0.0 for every IPv4 interface.', '127.0.0.1'),
  ALLOWED_HOSTS: variable(
    HOST_NAMES,
    'The names that clients may call the service by, in their Host header. Unset: any; where HOST is an address of this machine alone, localhost, HOST and any address.',
  ),
  DATABASE_URL: variable(url('postgresql:', 'postgres:'), 'A PostgreSQL server. Unset: the embedded one.'),
  DATABASE_READ_URL: variable(
    url('postgresql:', 'postgres:'),
    'A replica of DATABASE_URL’s server, for the history. Unset: it is read from that itself.',
  ),
  DATA_DIR: variable(SOME_TEXT, 'Where the embedded PostgreSQL keeps its files.', '.data'),
  REDIS_URL: variable(
    clusterUrl('redis:', 'rediss:'),
    'Redis for limits, statistics and live updates. Unset: this process’s memory.',
  ),
  REDIS_RATE_LIMIT_URL: variable(
    clusterUrl('redis:', 'rediss:'),
    'Redis for the rate limits alone, where it is another one than REDIS_URL.',
  ),
  REDIS_STATS_URL: variable(
    clusterUrl('redis:', 'rediss:'),
    'Redis for statistics and live updates, where it is another one than REDIS_URL.',
  ),
  REDIS_PREFIX: variable(
    REDIS_PREFIX,
    'What every key and channel in Redis begins with, such as exchange-a:, where several exchanges share one. Unset: nothing.',
    '',
  ),
  RATE_LIMIT_MAX: variable(wholeNumber(1, 1_000_000), 'Auctions allowed per IP address and window.', 3),
  RATE_LIMIT_WINDOW_MS: variable(wholeNumber(1, 86_400_000), 'The sliding window, in milliseconds.', 60_000),
  SIMULATED_LATENCY_FACTOR: variable(
    decimal(0, 100),
    'Bidders answer after 0 to this many times tmax; 0: at once.',
    1.5,
  ),
  NO_BID_PROBABILITY: variable(decimal(0, 1), 'The share of answers that bid nothing.', 0.3),
  SIMULATION_SEED: variable(wholeNumber(0, 2 ** 32 - 1), 'Replays the same auctions. Unset: random.'),
  SELLER_DOMAIN: variable(
    SOME_TEXT,
    'This exchange’s domain, as bidders over HTTP are told it in the supply chain (`asi`).',
    'localhost',
  ),
  SELLER_ACCOUNT_ID: variable(
    SOME_TEXT,
    'What it calls whom it pays (`sid`), where a site or app does not name its publisher.',
    'default',
  ),
  PRIVACY_FULL_IP: variable(
    oneOf(BIT),
    'Whether bidders over HTTP are told users’ whole addresses; 0: the /24 or /48 alone.',
    '0',
  ),
  AUCTION_LOG: variable(
    oneOf(AUCTION_LOGS),
    'Which auctions are logged in the database, to be asked about later; off: none.',
    'all',
  ),
  RETENTION_HOT_HOURS: variable(
    wholeNumber(1, 168),
    'Hours that live statistics are of, the current one among them; the same for all that share a Redis. Unset: of all time.',
  ),
  RETENTION_WARM_DAYS: variable(
    wholeNumber(1, 36_500),
    'Days of the auction log that stay in PostgreSQL; older ones are archived.',
    90,
  ),
  RETENTION_COLD_DAYS: variable(
    wholeNumber(1, 36_500),
    'Days that the archive keeps, counted as the warm ones; older files are removed.',
    2555,
  ),
  ARCHIVE_DIR: variable(SOME_TEXT, 'The folder of the archive. Unset: nothing is archived, and nothing dropped.'),
  WORKER: variable(
    oneOf(SWITCH),
    'Whether this process brings logged auctions from Redis into the database, where no other one does, and sends bidders their notices; off: `auction worker` does.',
    'on',
  ),
  NOTICE_ALLOW_PRIVATE: variable(
    oneOf(BIT),
    'Whether notices may go to addresses that are not of the public internet, such as this machine’s networks; 1: yes.',
    '0',
  ),
  API_KEYS_FILE: variable(
    SOME_TEXT,
    'The file of API keys, as `auction keys` makes it: each caller needs one of them. Unset: anybody may call.',
  ),
  ALLOW_ANONYMOUS: variable(
    oneOf(BIT),
    'Whether anybody may call where HOST can be reached from other machines and there are no API keys; 1: yes. 0: it is not served then.',
    '0',
  ),
  CORS_ORIGINS: variable(
    ORIGINS,
    'Which pages of other origins may call, also over WebSockets. Unset: none; programs are not concerned.',
  ),
  PERSISTED_OPERATIONS_FILE: variable(
    SOME_TEXT,
    'A JSON file of the operations that clients may send, and no others. Unset: they may send any.',
  ),
  GRAPHIQL: variable(
    oneOf(SWITCH),
    'Whether the page GraphiQL is served; off where NODE_ENV is production and nothing is said here.',
    'on',
  ),
  INTROSPECTION: variable(
    oneOf(SWITCH),
    'Whether clients may ask for the schema; off where NODE_ENV is production and nothing is said here.',
    'on',
  ),
  MAX_BODY_BYTES: variable(wholeNumber(1000, 100_000_000), 'The most bytes that a request’s body may have.', 100_000),
  MAX_QUERY_DEPTH: variable(wholeNumber(1, 1000), 'The deepest selection that a document may have.', 8),
  MAX_QUERY_ALIASES: variable(wholeNumber(0, 100_000), 'The most aliases that a document may have.', 15),
  MAX_QUERY_TOKENS: variable(wholeNumber(10, 1_000_000), 'The most lexical tokens that a document may have.', 1000),
  MAX_QUERY_ROWS: variable(
    wholeNumber(1, 10_000_000),
    'The most rows that an operation may come to: supplies, bidders, auctions, statistics of supplies or of a time.',
    10_000,
  ),
  // A page of a thousand statistics, whole, is some 104,000; a history of 10,000 buckets, whole and with `__typename`, 140,001.
  MAX_QUERY_VALUES: variable(
    wholeNumber(1, 100_000_000),
    'The most values that an operation may come to, each field of each row counted.',
    145_000,
  ),
  HEADERS_TIMEOUT_MS: variable(
    wholeNumber(100, 600_000),
    'How long a request’s headers may take to arrive, in milliseconds.',
    10_000,
  ),
  REQUEST_TIMEOUT_MS: variable(
    wholeNumber(100, 600_000),
    'How long a whole request may take to arrive, in milliseconds.',
    30_000,
  ),
  KEEP_ALIVE_TIMEOUT_MS: variable(
    wholeNumber(100, 600_000),
    'How long an idle connection is kept, in milliseconds: longer than load balancers keep theirs.',
    65_000,
  ),
  MAX_EVENT_LOOP_DELAY_MS: variable(
    wholeNumber(0, 60_000),
    'How late the event loop may be all the time before requests are shed, so that those taken keep their deadlines, in milliseconds; 0: none is shed for it.',
    30,
  ),
  MAX_AUCTIONS_IN_FLIGHT: variable(
    wholeNumber(1, 1_000_000),
    'Auctions that may be under way at a time in this process; beyond it requests are shed.',
    20_000,
  ),
  MAX_CONNECTIONS: variable(wholeNumber(1, 1_000_000), 'The most connections that may be open at a time.', 10_000),
  MAX_CONNECTIONS_PER_ADDRESS: variable(
    wholeNumber(1, 1_000_000),
    'The most connections of one IP address, or of one IPv6 /64, that is not among TRUSTED_PROXIES.',
    1000,
  ),
  MAX_PIPELINED_REQUESTS: variable(
    wholeNumber(1, 100_000),
    'The most requests that a connection may bring while an earlier one of it is being answered.',
    100,
  ),
  UNREAD_TIMEOUT_MS: variable(
    wholeNumber(100, 600_000),
    'How long a client may take nothing of what waits for it before it is cut off, in milliseconds.',
    30_000,
  ),
  MAX_UNREAD_BYTES: variable(
    wholeNumber(100_000, 1_000_000_000),
    'How many bytes of small messages a client may leave unread over a WebSocket before it is cut off.',
    1_048_576,
  ),
  MAX_WEBSOCKET_MESSAGE_BYTES: variable(
    wholeNumber(1000, 100_000_000),
    'The most bytes that a message over a WebSocket may have.',
    100_000,
  ),
  MAX_WEBSOCKET_MESSAGES_PER_SECOND: variable(
    wholeNumber(10, 10_000_000),
    'How many messages a second are read from a WebSocket; those beyond wait.',
    10_000,
  ),
  MAX_SUBSCRIPTIONS_PER_CONNECTION: variable(
    wholeNumber(1, 1_000_000),
    'The most subscriptions that a WebSocket may have under way.',
    100,
  ),
  MAX_SUBSCRIPTIONS_PER_ADDRESS: variable(
    wholeNumber(1, 1_000_000),
    'The most subscriptions that an IP address, or an IPv6 /64, may have under way over all its connections.',
    1000,
  ),
  TRUSTED_PROXIES: variable(
    NETWORKS,
    'Whose connections bring many clients: they are not counted by address, and the client is the last of X-Forwarded-For that is not one of them.',
    ['127.0.0.0/8', '::1'],
  ),
  SHUTDOWN_GRACE_MS: variable(
    wholeNumber(0, 600_000),
    'How long a shutdown goes on serving everybody, while `/readyz` says 503 so that load balancers leave, in milliseconds.',
    0,
  ),
  SHUTDOWN_TIMEOUT_MS: variable(
    wholeNumber(0, 600_000),
    'How long a shutdown may then take to answer what is in flight, in milliseconds.',
    10_000,
  ),
  METRICS: variable(
    oneOf(SWITCH),
    'Whether `/metrics` tells Prometheus how the service does; off: nothing is counted for it.',
    'on',
  ),
  METRICS_PORT: variable(
    wholeNumber(0, 65_535),
    'A port of its own for `/metrics`, on HOST, which the API’s then does not have. Unset: the API’s; of `auction worker`, none.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    HTTP_URL,
    'Where traces are sent to, by OTLP over HTTP with `/v1/traces` behind it. Unset: there are none.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable(
    HEADERS,
    'Headers that traces are sent with, such as a key. What is special in a URL is percent-encoded.',
  ),
  OTEL_SERVICE_NAME: variable(SOME_TEXT, 'What the service is called in traces.', 'auction'),
  OTEL_TRACES_SAMPLER: variable(
    oneOf(SAMPLERS),
    'Which requests are traced; parentbased: as the caller has decided, where its `traceparent` says so.',
    'parentbased_always_on',
  ),
  OTEL_TRACES_SAMPLER_ARG: variable(decimal(0, 1), 'The share of requests that are traced, where that is by ratio.', 1),
  LOG_LEVEL: variable(
    oneOf(LOG_LEVELS),
    'The least severe level that is logged; each auction is logged at info.',
    'info',
  ),
}

/** What has another default where NODE_ENV is production. */
export const IN_PRODUCTION = { GRAPHIQL: 'off', INTROSPECTION: 'off' } as const

/** One environment variable: its kind, what it means, and its value where it is not set. */
function variable<T>(kind: ValueKind<T>, desc: string, fallback: NonNullable<T>): RequiredValidatorSpec<T> & Allowed
function variable<T>(kind: ValueKind<T>, desc: string): OptionalValidatorSpec<T> & Allowed
function variable<T>({ allowed, isSecret, parse }: ValueKind<T>, desc: string, fallback?: NonNullable<T>) {
  const validator = makeExactValidator((text) => {
    const value = parse(text)
    if (value === undefined) throw new EnvError(`it must be ${allowed}.`)
    return value
  })
  return { ...validator({ desc, default: fallback }), allowed, isSecret }
}

interface Allowed {
  readonly allowed: string
  readonly isSecret: boolean | undefined
}
