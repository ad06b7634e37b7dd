/** Where a value is: under which name or at which index, of what, in which line and column, both from 0. */
export interface Place {
  readonly parent: Place | undefined
  readonly key: string | number
  readonly line: number
  readonly column: number
}

/** A value of a data file, with its place. */
export interface Node extends Place {
  readonly value: string | number | boolean | null | Node[] | Map<string, Node>
}

/** Ends the reading with what is wrong at a place, or, where a name is given, with what is wrong with that in it. */
export type Fail = (place: Place, problem: string, name?: string) => never

/** Builds one value, however nested, of what a JSON parser finds one after the other. */
export interface TreeBuilder {
  begin(value: Node[] | Map<string, Node>, line: number, column: number): void
  name(name: string, line: number, column: number): void
  literal(value: string | number | boolean | null, line: number, column: number): void
  /** The whole, where this was its end. */
  end(): Node | undefined
}

/** Lists and objects in each other. */
export const MAX_DEPTH = 12

/** @param place of the whole */
export function createTreeBuilder(place: Place, fail: Fail): TreeBuilder {
  const open: Node[] = []
  let nameDue = ''

  return {
    begin(value, line, column) {
      const node = add(value, line, column)
      if (open.length === MAX_DEPTH)
        fail(node, `is nested too deeply; put at most ${MAX_DEPTH} lists and objects into each other`)
      open.push(node)
    },

    name(name, line, column) {
      nameDue = name
      const parent = open.at(-1) as Node
      const problem = textProblem(name)
      const at = { parent, key: name, line, column }
      if (problem !== undefined) fail(at, problem)
      // Assigned to an object, it would be something else.
      if (name === '__proto__') fail(at, 'cannot be a name; choose another')
      if ((parent.value as Map<string, Node>).has(name)) fail(at, 'is there twice')
    },

    literal(value, line, column) {
      const node = add(value, line, column)
      const problem = typeof value === 'string' ? textProblem(value) : undefined
      if (problem !== undefined) fail(node, problem)
      if (typeof value === 'number' && !Number.isFinite(value)) fail(node, 'is too large a number')
    },

    end() {
      const node = open.pop()
      return open.length === 0 ? node : undefined
    },
  }

  function add(value: Node['value'], line: number, column: number): Node {
    const parent = open.at(-1)
    if (parent === undefined) return { ...place, line, column, value }
    const list = parent.value as Node[] | Map<string, Node>
    const node = { parent, key: Array.isArray(list) ? list.length : nameDue, line, column, value }
    if (Array.isArray(list)) list.push(node)
    else list.set(nameDue, node)
    return node
  }
}

/** The value as JSON.parse would give it. */
export function plain({ value }: Node): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, node]) => [name, plain(node)]))
  return value
}

/** As UTF-8 cannot carry it: in Unicode mode a surrogate pair is one character. */
const LONE_SURROGATE = /\p{Cs}/u

/** What the database refuses in a text. */
function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'has the character \\u0000, which cannot be stored; leave it out'
  return LONE_SURROGATE.test(text) ? 'is not valid Unicode: it has half a surrogate pair' : undefined
}
