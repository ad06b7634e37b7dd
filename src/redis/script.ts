import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'

/** Runs one Lua script. On a cluster the keys must share a hash tag. */
export type RedisScript = (keys: readonly string[], args: readonly ScriptArgument[]) => Promise<unknown>
export type ScriptArgument = string | number | Buffer

/**
 * Makes a Lua script callable: sent by its hash, and whole where Redis does not know it (any more).
 * @param name unique among the scripts of `client`, and no Redis command's name
 * @param files the script's, in the order in which they make it up
 */
export function defineScript(client: Redis | Cluster, name: string, ...files: readonly URL[]): RedisScript {
  client.defineCommand(name, { lua: files.map((file) => readFileSync(file, 'utf8')).join('') })
  const command: unknown = Reflect.get(client, name)
  if (typeof command !== 'function') throw new Error(`The Redis client did not define the command ${name}.`)
  // The lists are handed over as lists: spread, a large batch would exceed the number of arguments a call may have.
  return (keys, args) => command.call(client, keys.length, keys, args)
}
