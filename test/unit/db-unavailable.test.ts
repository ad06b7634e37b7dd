import { describe, expect, it } from 'vitest'
import { embeddedUrl, parseEmbeddedUrl } from '../../src/db/embedded-url.ts'
import { matchesChecksum } from '../../src/db/migration-files.ts'
import { isDatabaseUnavailable, unreachable, unusable } from '../../src/db/unavailable.ts'

function prismaError(code: string, cause?: object): Error {
  return Object.assign(new Error('failed'), { code, meta: { driverAdapterError: { cause } } })
}

describe('isDatabaseUnavailable', () => {
  it.each([
    ['Prisma that cannot reach it', prismaError('P1001')],
    ['a raw query that cannot', prismaError('P2010', { kind: 'DatabaseNotReachable' })],
    ['a server that stops', prismaError('P2010', { kind: 'postgres', originalCode: '57P01' })],
    ['a server that is full', prismaError('P2037', { kind: 'TooManyConnections' })],
    ['a connection lost', new Error('Connection terminated unexpectedly')],
    ['no answer in time', new Error('Query read timeout')],
    ['a port nobody listens at', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['a socket that is gone', Object.assign(new Error('\nInvalid …\nconnect ENOENT /x'), { code: 'ENOENT' })],
  ])('should recognise %s', (_what, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true)
  })

  it.each([
    ['a broken rule', prismaError('P2002', { kind: 'UniqueConstraintViolation', originalCode: '23505' })],
    ['a missing table', prismaError('P2021', { kind: 'TableDoesNotExist', originalCode: '42P01' })],
    ['a missing file', Object.assign(new Error('open'), { code: 'ENOENT' })],
    ['a bug', new TypeError('x is not a function')],
    ['what is no error', 'Connection terminated unexpectedly'],
  ])('should not take %s for it', (_what, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false)
  })
})

describe('unusable', () => {
  it.each([
    ['42P01', 'run `auction migrate up`'],
    ['42703', 'run `auction migrate up`'],
    ['42501', "GRANT DATABASE_URL's role its rights again"],
    ['28P01', 'correct DATABASE_URL, or what it names'],
    ['28000', 'correct DATABASE_URL, or what it names'],
    ['3D000', 'correct DATABASE_URL, or what it names'],
  ])('should say in one line what %s takes to be well again', (state, remedy) => {
    const message = `the database cannot be used as it is (what PostgreSQL says): ${remedy}`
    const cause = { kind: 'postgres', originalCode: state, originalMessage: 'what PostgreSQL says' }
    expect(unusable(prismaError('P2010', cause))).toMatchObject({ code: 'DATABASE_UNUSABLE', message })
    const ofDriver = Object.assign(new Error('what\nPostgreSQL says'), { code: state })
    expect(unusable(ofDriver)?.message).toBe(message)
  })

  it('should have nothing to say of a bug, and of a database that is away', () => {
    const errors = [prismaError('P2002', { originalCode: '23505' }), prismaError('P1001'), new TypeError('x'), 'x']
    expect(errors.map(unusable)).toEqual(errors.map(() => undefined))
  })
})

describe('unreachable', () => {
  it('should name the server and the reason, and never the password', () => {
    const error = unreachable('postgresql://me:secret@db.example:6543/ads', new Error('no route\nto host'))
    expect(error.message).toContain('db.example:6543/ads cannot be used (no route to host)')
    expect(error.message).not.toContain('secret')
  })
})

describe('embeddedUrl', () => {
  it('should be read back, and be told from a server’s', () => {
    expect(parseEmbeddedUrl(embeddedUrl('/tmp/a b/ü'))).toBe('/tmp/a b/ü')
    expect(parseEmbeddedUrl('postgresql://localhost/postgres?dataDir=/tmp')).toBeUndefined()
  })
})

describe('matchesChecksum', () => {
  // printf 'a\nb\n' | sha256sum
  const checksum = '911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2'

  it('should not mind line endings, and mind everything else', () => {
    expect(matchesChecksum('a\r\nb\r\n', checksum)).toBe(true)
    expect(matchesChecksum('a\nb\n', checksum)).toBe(true)
    expect(matchesChecksum('a\nb', checksum)).toBe(false)
  })
})
