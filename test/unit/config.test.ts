import { describe, expect, it } from 'vitest'
import { ConfigError, describeConfig, parseConfig } from '../../src/config.ts'

describe('the configuration', () => {
  it('should have defaults for everything, and be frozen', () => {
    const config = parseConfig({})
    expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', dataDir: '.data', rateLimitMax: 3, logLevel: 'info' })
    expect(config.databaseUrl).toBeUndefined()
    expect(config.simulationSeed).toBeUndefined()
    expect(config.retentionHotHours).toBeUndefined()
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('should read what is set, and take an empty variable as unset', () => {
    const config = parseConfig({
      PORT: '0',
      DATABASE_URL: 'postgresql://user:secret@db/auction',
      REDIS_URL: 'redis://one:7000, redis://two:7001',
      REDIS_PREFIX: 'exchange-a:',
      SIMULATED_LATENCY_FACTOR: '0.25',
      SIMULATION_SEED: '42',
      LOG_LEVEL: '',
    })
    expect(config).toMatchObject({
      port: 0,
      databaseUrl: 'postgresql://user:secret@db/auction',
      redisUrl: 'redis://one:7000, redis://two:7001',
      redisPrefix: 'exchange-a:',
      simulatedLatencyFactor: 0.25,
      simulationSeed: 42,
      logLevel: 'info',
    })
  })

  it('should trust the machine’s own proxies unless others, or none, are named', () => {
    expect(parseConfig({}).trustedProxies).toEqual(['127.0.0.0/8', '::1'])
    expect(parseConfig({ TRUSTED_PROXIES: '10.0.0.7, fd00::/8' }).trustedProxies).toEqual(['10.0.0.7', 'fd00::/8'])
    expect(parseConfig({ TRUSTED_PROXIES: 'none' }).trustedProxies).toEqual([])
  })

  it('should read headers as OpenTelemetry has them', () => {
    const read = (text: string) => parseConfig({ OTEL_EXPORTER_OTLP_HEADERS: text }).otelExporterOtlpHeaders
    expect(read('api-key=a%20key==, X-Tenant = 7')).toEqual({ 'api-key': 'a key==', 'X-Tenant': '7' })
    expect(() => read('api-key')).toThrow('it must be names and values such as')
    expect(() => read('api-key=a%0Ab')).toThrow('it must be names and values such as')
  })

  it('should have GraphiQL and introspection off in production, unless they are asked for', () => {
    expect(parseConfig({})).toMatchObject({ graphiql: 'on', introspection: 'on' })
    expect(parseConfig({ NODE_ENV: 'development' })).toMatchObject({ graphiql: 'on', introspection: 'on' })
    const env = { NODE_ENV: 'production', INTROSPECTION: '' }
    expect(parseConfig(env)).toMatchObject({ graphiql: 'off', introspection: 'off' })
    expect(parseConfig({ ...env, GRAPHIQL: 'on', INTROSPECTION: 'on' })).toMatchObject({
      graphiql: 'on',
      introspection: 'on',
    })
  })

  it.each([
    ['PORT', '65536'],
    ['PORT', 'http'],
    ['PORT', '-1'],
    ['RATE_LIMIT_MAX', '0'],
    ['TRUSTED_PROXIES', 'nginx'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8'],
    ['TRUSTED_PROXIES', '10.0.0.0/'],
    ['TRUSTED_PROXIES', 'none,10.0.0.1'],
    ['RETENTION_HOT_HOURS', '0'],
    ['RETENTION_HOT_HOURS', '169'],
    ['RETENTION_HOT_HOURS', '1.5'],
    ['RETENTION_HOT_HOURS', 'off'],
    ['RATE_LIMIT_MAX', '1.5'],
    ['RATE_LIMIT_WINDOW_MS', '1e3'],
    ['NO_BID_PROBABILITY', '1.1'],
    ['SIMULATED_LATENCY_FACTOR', 'Infinity'],
    ['SIMULATION_SEED', '4294967296'],
    ['DATABASE_URL', 'mysql://localhost/auction'],
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'redis://one,'],
    ['REDIS_PREFIX', 'exchange*'],
    ['REDIS_PREFIX', 'a'.repeat(65)],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4317'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['LOG_LEVEL', 'loud'],
    ['ALLOWED_HOSTS', 'https://ads.example'],
    ['ALLOWED_HOSTS', 'ads.example:443'],
    ['ALLOWED_HOSTS', 'ads.example,'],
    ['DATA_DIR', '  '],
  ])('should refuse %s=%s in one line that names the variable, the value and what is allowed', (name, value) => {
    const { allowed } = describeConfig().find((variable) => variable.name === name) ?? {}
    let message = ''
    try {
      parseConfig({ [name]: value })
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      message = (error as Error).message
    }
    expect(message).toBe(`${name}=${value} cannot be used: it must be ${allowed}.`)
    expect(message).not.toContain('\n')
  })

  it.each(['{exchange-a}:', 'a{', 'a}'])('should refuse a prefix with braces: %s', (prefix) => {
    expect(() => parseConfig({ REDIS_PREFIX: prefix })).toThrow('without braces, by which a cluster places keys')
  })

  it('should name every value that is not allowed, in a line each', () => {
    const env = { PORT: 'http', HOST: '0.0.0.0', RATE_LIMIT_MAX: '0', LOG_LEVEL: 'loud' }
    expect(() => parseConfig(env)).toThrow(
      [
        'PORT=http cannot be used: it must be a whole number from 0 to 65535.',
        'RATE_LIMIT_MAX=0 cannot be used: it must be a whole number from 1 to 1000000.',
        'LOG_LEVEL=loud cannot be used: it must be one of fatal, error, warn, info, debug, trace, silent.',
      ].join('\n'),
    )
  })

  it.each([
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', '***'],
    ['DATABASE_URL', 'mysql://user:secret@db/auction', 'mysql://user:***@db/auction'],
    ['DATABASE_URL', 'mysql://db/auction?password=secret', 'mysql://db/auction?***'],
    ['DATABASE_URL', 'mysql://db/auction?password=sec@ret', '***'],
    ['DATABASE_URL', 'mysql://user:sec?ret@db/auction', '***'],
    ['DATABASE_URL', 'postgres:/user:secret@db/auction', '***'],
    ['DATABASE_URL', 'postgresql//user:secret@db/auction', '***'],
    ['DATABASE_URL', 'user:secret@db/auction', '***'],
    ['DATABASE_URL', 'postgresql://user:p@ssecret@host:99999/db', '***'],
    ['DATABASE_URL', 'postgresql://user:pass@secret/secret@host/db', '***'],
    ['DATABASE_URL', 'postgresql://user:p@ss/secret@host/db', '***'],
    ['DATABASE_URL', 'postgresql://user:12/secret@host/db', 'postgresql://user:***@host/db'],
    ['DATABASE_URL', 'postgresql://host:99999/db?password=secret', 'postgresql://host:99999/db?***'],
    ['DATABASE_URL', 'postgresql://user:secret', '***'],
    ['DATABASE_URL', 'postgresql://user:secret/db', '***'],
    ['DATABASE_URL', 'mysql:user:secret', '***'],
    ['DATABASE_URL', 'mysql://host/db;password=secret', '***'],
    ['DATABASE_URL', 'password=secret host=db', '***'],
    ['DATABASE_URL', 'jdbc:postgresql://db?password=secret', '***'],
    ['REDIS_URL', 'http://secret@one:7000', 'http://***@one:7000'],
    ['REDIS_URL', 'http://[::1]:7000,redis://two', 'http://[::1]:7000,redis://two'],
    ['DATABASE_URL', 'mysql://user:sec@ret@db', '***'],
    ['DATABASE_URL', 'mysql://user:sec/ret@db', 'mysql://user:***@db'],
    ['REDIS_URL', 'redis://:secret@one:7000,http://:secret@two:7001', '***'],
    ['REDIS_URL', 'http://:secret@one:7000', 'http://:***@one:7000'],
  ])('should not show the password of %s=%s', (name, value, shown) => {
    expect(() => parseConfig({ [name]: value })).toThrow(`${name}=${shown} cannot be used: `)
  })
})
