import { quote } from './data-file-problems.ts'
import { type Fail, type Node, plain } from './data-file-tree.ts'

/** The value of a node, where it is as it must be; ends the reading where it is not. */
export type Check<T> = (node: Node, fail: Fail) => T

/** An object of these fields, each of which may be missing. @param what it is, for messages, such as `a bidder` */
export function fields<T extends object>(
  what: string,
  checks: { readonly [K in keyof T]-?: Check<NonNullable<T[K]>> },
): Check<Partial<T>> {
  const names = Object.keys(checks)
  const known = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return (node, fail) => {
    const result: Partial<T> = {}
    for (const [name, child] of objectOf(node, fail)) {
      if (!Object.hasOwn(checks, name)) fail(child, `is not known; ${what} has ${known}`)
      result[name as keyof T] = checks[name as keyof T](child, fail)
    }
    return result
  }
}

/** An object of OpenRTB: some of its fields are looked at, all pass through. */
export function openRtb<T extends object>(checks: Readonly<Record<string, Check<unknown>>>): Check<Partial<T>> {
  return (node, fail) => {
    const result: Record<string, unknown> = {}
    for (const [name, child] of objectOf(node, fail)) {
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined
      result[name] = check === undefined ? plain(child) : check(child, fail)
    }
    return result as Partial<T>
  }
}

/** @param what it lists, for messages */
export function listOf<T>(what: string, item: Check<T>, minItems = 0): Check<T[]> {
  return (node, fail) => {
    if (!Array.isArray(node.value)) return wrongKind(node, `a list of ${what}`, fail)
    if (node.value.length < minItems) return fail(node, `is empty; list ${what}`)
    return node.value.map((child) => item(child, fail))
  }
}

/** @param what it is, for messages */
export function text(what: string, problemOf: (value: string) => string | undefined = () => undefined): Check<string> {
  return (node, fail) => {
    if (typeof node.value !== 'string') return wrongKind(node, what, fail)
    const problem = problemOf(node.value)
    return problem === undefined ? node.value : fail(node, `is ${quote(node.value)}, and ${problem}`)
  }
}

export function oneOf<T extends string>(...values: readonly T[]): Check<T> {
  const wanted = values.map((value) => quote(value)).join(' or ')
  return (node, fail) => {
    if (!values.includes(node.value as T)) return wrong(node, `must be ${wanted}`, fail)
    return node.value as T
  }
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Check<number> {
  const wanted = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return (node, fail) => {
    const { value } = node
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    return wrong(node, `must be a whole number ${wanted}`, fail)
  }
}

export function number(min: number, max: number): Check<number> {
  return (node, fail) => {
    const { value } = node
    if (typeof value === 'number' && value >= min && value <= max) return value
    return wrong(node, `must be a number from ${min} to ${max}`, fail)
  }
}

export const trueOrFalse: Check<boolean> = (node, fail) =>
  typeof node.value === 'boolean' ? node.value : wrong(node, 'must be true or false', fail)

/** What a value is, in words, where it is of the wrong kind. */
export function kindOf({ value }: Pick<Node, 'value'>): string {
  if (typeof value === 'string') return 'a text'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Map) return 'an object'
  return value === null ? 'null' : `the ${typeof value} ${value}`
}

export function objectOf(node: Node, fail: Fail): ReadonlyMap<string, Node> {
  return node.value instanceof Map ? node.value : wrongKind(node, 'an object', fail)
}

export function wrongKind(node: Node, wanted: string, fail: Fail): never {
  return fail(node, `must be ${wanted}, not ${kindOf(node)}`)
}

/** Says the value, where it is short. */
function wrong(node: Node, wanted: string, fail: Fail): never {
  const { value } = node
  if (typeof value === 'string') return fail(node, `is ${quote(value)}, and ${wanted}`)
  return typeof value === 'number'
    ? fail(node, `is ${value}, and ${wanted}`)
    : fail(node, `${wanted}, not ${kindOf(node)}`)
}
