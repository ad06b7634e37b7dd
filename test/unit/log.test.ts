import { describe, expect, it } from 'vitest'
import { errorFields } from '../../src/log.ts'

describe('what the log tells of an error', () => {
  it('should be its kind, message, stack and code, with those of its cause', () => {
    const cause = new TypeError('the cause')
    const error = Object.assign(new Error('what failed', { cause }), { code: 'EFAILED' })
    expect(errorFields(error)).toEqual({
      type: 'Error',
      message: 'what failed: the cause',
      stack: expect.stringMatching(/^Error: what failed\n[\s\S]*TypeError: the cause/),
      code: 'EFAILED',
    })
  })

  it('should be nothing that hangs on it, such as a command of Redis', () => {
    const command = { name: 'evalsha', args: ['limit:198.51.100.23'] }
    expect(JSON.stringify(errorFields(Object.assign(new Error('READONLY'), { command })))).not.toContain(
      '198.51.100.23',
    )
  })

  it('should have no password of a URL', () => {
    const told = JSON.stringify(errorFields(new Error('connect redis://user:s3cr3t@p@host:6379/0 failed')))
    expect(told).toContain('connect redis://***@host:6379/0 failed')
    expect(told).not.toContain('s3cr3t')
  })

  it('should be what was thrown, where that is no error', () => {
    expect(errorFields('just a text')).toBe('just a text')
  })
})
