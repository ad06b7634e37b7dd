import { isDeepStrictEqual } from 'node:util'
import type { KeyRates } from './key-rates.ts'
import { readKeys, versionOf } from './keys-file.ts'
import { idOfToken, isTokenOf } from './token.ts'
import type { ApiKey, Caller } from './types.ts'

/** The keys of a file, kept as the file is. */
export interface KeyRing {
  /** Who an Authorization header says that it is; undefined where it has no key that holds now. */
  callerOf(authorization: string | undefined): Caller | undefined
  dispose(): void
}

export interface KeyRingOptions {
  readonly path: string
  readonly rates: KeyRates
  /** How often the file is looked at, in milliseconds. */
  readonly pollMs?: number
  /** Called once for each time that the file cannot be taken, with why: the keys stay as they were. */
  readonly onProblem: (message: string) => void
  /** Called with how many keys hold after each change, and how many of those before do not any more. */
  readonly onChange: (counts: { readonly keys: number; readonly revoked: number }) => void
}

/**
 * Reads the keys, and reads them again within a second of each change of the file. A key that is no longer there, or is
 * another one, is revoked at once, and so is one whose time is over.
 * @throws AccessError where the file is not there or is none of keys
 */
export async function openKeyRing({
  path,
  rates,
  pollMs = POLL_MS,
  onProblem,
  onChange,
}: KeyRingOptions): Promise<KeyRing> {
  const byId = new Map<string, HeldCaller>()
  /**
   * Callers by the headers that named them, so that a request costs a look-up and no hash. Only headers that hold are in
   * it. A wrong one learns nothing from the time that a look-up takes: texts are compared where their hashes, which V8
   * seeds at random, are the same.
   */
  const byHeader = new Map<string, HeldCaller>()
  let version: string | undefined
  let problem: string | undefined
  let isReading = false

  await read()
  const timer = setInterval(tick, pollMs).unref()
  return {
    callerOf(authorization) {
      if (authorization === undefined || authorization.length > HEADER_LENGTH_MAX) return undefined
      const known = byHeader.get(authorization)
      if (known !== undefined) return known
      const token = BEARER.exec(authorization)?.[1] ?? ''
      const id = idOfToken(token)
      if (id === undefined) return undefined
      const caller = byId.get(id)
      // A key that is not there takes as long as one that is.
      const isOwner = isTokenOf(token, caller?.hash ?? NO_HASH)
      if (caller === undefined || !isOwner) return undefined
      if (byHeader.size >= HEADERS_MAX) byHeader.clear()
      byHeader.set(authorization, caller)
      return caller
    },
    dispose: () => clearInterval(timer),
  }

  function tick(): void {
    const expired = [...byId.values()].filter(({ key }) => isOver(key))
    if (expired.length > 0) {
      for (const { key } of expired) byId.delete(key.id)
      revoke(expired)
    }
    if (isReading) return
    isReading = true
    read()
      .then(
        () => {
          problem = undefined
        },
        ({ message }: Error) => {
          if (message !== problem) onProblem(message)
          problem = message
        },
      )
      .finally(() => {
        isReading = false
      })
  }

  /** What is told of a file comes before it is read: one that is written meanwhile is another one the next time. */
  async function read(): Promise<void> {
    const found = await versionOf(path)
    if (found === version) return
    const keys = await readKeys(path)
    version = found
    replace(keys)
  }

  function replace(keys: readonly ApiKey[]): void {
    const before = [...byId.values()]
    byId.clear()
    const same = new Map(before.map((caller) => [caller.key.id, caller]))
    for (const key of keys) {
      if (isOver(key)) continue
      const held = same.get(key.id)
      byId.set(key.id, held && isDeepStrictEqual(held.key, key) ? held : createCaller(key, rates))
    }
    rates.retain([...byId.values()].flatMap(({ key }) => key.rate ?? []))
    revoke(before.filter((caller) => byId.get(caller.key.id) !== caller))
  }

  function revoke(callers: readonly HeldCaller[]): void {
    byHeader.clear()
    for (const caller of callers) caller.revoke()
    onChange({ keys: byId.size, revoked: callers.length })
  }
}

interface HeldCaller extends Caller {
  readonly key: ApiKey
  readonly hash: Buffer
  revoke(): void
}

function createCaller(key: ApiKey, rates: KeyRates): HeldCaller {
  const { id, role, hash, supplies, rate } = key
  const listeners = new Set<() => void>()
  let isRevoked = false
  return {
    key,
    keyId: id,
    role,
    hash: Buffer.from(hash, 'hex'),
    supplies: supplies && new Set(supplies),
    get isRevoked() {
      return isRevoked
    },
    onRevoked(listener) {
      if (isRevoked) listener()
      else listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    rate: rate && { policy: rate, take: () => rates.take(id, rate) },
    revoke() {
      isRevoked = true
      for (const listener of listeners) listener()
      listeners.clear()
    },
  }
}

function isOver({ expiresAt }: ApiKey): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
}

/** A change is known a second later, and done with within two. */
const POLL_MS = 1_000
/** Headers that are remembered: one key may be written in several ways. */
const HEADERS_MAX = 20_000
/** A token has 81 characters; blanks without end around it would fill the memory with what is remembered. */
const HEADER_LENGTH_MAX = 200
const BEARER = /^Bearer +(\S+) *$/i
/** What no token has. */
const NO_HASH = Buffer.alloc(32)
