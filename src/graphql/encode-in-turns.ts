import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ExecutionResult } from 'graphql'
import { sliceOfTime } from './pace.ts'

/** A result whose data is JSON already. Yoga and the lanes encode a result by its own `stringify` where it has one. */
export interface EncodedResult extends ExecutionResult {
  /** @param formatted the result as its caller may see it, errors and extensions alone are looked at */
  stringify(formatted: ExecutionResult | { readonly errors?: unknown }): string
}

/** Makes JSON of a large result's data, some rows in each turn of the event loop. */
export async function encodeInTurns(result: ExecutionResult): Promise<ExecutionResult> {
  if (!result.data) return result
  const data = await encode(result.data)
  const encoded: EncodedResult = {
    ...result,
    stringify({ errors, extensions }: ExecutionResult) {
      const before = errors ? `"errors":${JSON.stringify(errors)},` : ''
      const after = extensions ? `,"extensions":${JSON.stringify(extensions)}` : ''
      return `{${before}"data":${data}${after}}`
    },
  }
  return encoded
}

/** The JSON that JSON.stringify would make. */
async function encode(data: unknown): Promise<string> {
  let isOver = sliceOfTime()
  return any(data)

  /** Objects are walked down to the lists in them, and each item of a list is encoded at once. */
  async function any(value: unknown): Promise<string> {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    const parts: string[] = []
    if (Array.isArray(value)) {
      for (const item of value) {
        if (isOver()) await turn()
        parts.push(JSON.stringify(item) ?? 'null')
      }
      return `[${parts.join(',')}]`
    }
    for (const [name, field] of Object.entries(value)) {
      if (field !== undefined) parts.push(`${JSON.stringify(name)}:${await any(field)}`)
    }
    return `{${parts.join(',')}}`
  }

  async function turn(): Promise<void> {
    await nextTurn()
    isOver = sliceOfTime()
  }
}
