import { describe, expect, it } from 'vitest'
import { describeConfig } from '../../src/config.ts'
import { mistypedVariables } from '../../src/mistyped-variables.ts'

describe('mistyped variables', () => {
  it.each([
    ['RATE_LIMT_MAX', 'RATE_LIMIT_MAX'],
    ['RATELIMIT_MAX', 'RATE_LIMIT_MAX'],
    ['REDIS_URI', 'REDIS_URL'],
    ['DATABSE_ULR', undefined],
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['log_level', 'LOG_LEVEL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['WORKERS', 'WORKER'],
  ])('should tell of %s that %s may be meant', (name, meant) => {
    const line = `the environment variable ${name} is none of this service's and changes nothing: is it ${meant}?`
    expect(mistypedVariables({ [name]: 'a secret' })).toEqual(meant ? [line] : [])
  })

  it('should say nothing of ours, of what others use, and of short names', () => {
    const ours = Object.fromEntries(describeConfig().map(({ name }) => [name, '1']))
    const others = { PATH: '', HOME: '', PGHOST: '', PGPORT: '', PORTS: '', NODE_ENV: '', REDIS_PASSWORD: '', x: '' }
    expect(mistypedVariables({ ...ours, ...others, ['X'.repeat(100_000)]: '' })).toEqual([])
  })
})
