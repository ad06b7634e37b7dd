import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A key that was just made. */
export interface NewToken {
  readonly id: string
  /** What its owner sends: `auk_<id>_<secret>`. */
  readonly token: string
  readonly hash: string
}

/**
 * Makes a token and its hash. One SHA-256 is enough: the secret is 256 random bits, of which nobody can try a part worth
 * speaking of, however quick each try is. Slow hashes are for passwords, which people choose; here they would cost each
 * request a tenth of a second.
 */
export function createToken(): NewToken {
  const id = randomBytes(ID_BYTES).toString('hex')
  const token = `auk_${id}_${randomBytes(SECRET_BYTES).toString('hex')}`
  return { id, token, hash: hashOf(token).toString('hex') }
}

/** Which key a token says that it is; undefined where the text is no token. */
export function idOfToken(text: string): string | undefined {
  return TOKEN.exec(text)?.[1]
}

/** Whether a token is the one of that hash. Takes as long wherever they differ. */
export function isTokenOf(token: string, hash: Buffer): boolean {
  return timingSafeEqual(hashOf(token), hash)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

const ID_BYTES = 6
const SECRET_BYTES = 32
const TOKEN = /^auk_([\da-f]{12})_[\da-f]{64}$/
