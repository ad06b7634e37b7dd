import schema from './openrtb-2.6-bid-request.json' with { type: 'json' }

/** The parts of JSON Schema that the bid request's uses. */
interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly additionalProperties?: boolean
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly minItems?: number
}

/** What of a bid request is not as the specification's tables have it, a line for each; none where it is valid. */
export function bidRequestProblems(value: unknown): string[] {
  return problems(value, schema as Schema, 'BidRequest')
}

function problems(value: unknown, { $ref, ...rest }: Schema, path: string): string[] {
  if ($ref !== undefined) return problems(value, definition($ref), path)
  const { type, additionalProperties, required = [], properties = {}, items, minItems = 0 } = rest
  if (typeOf(value) !== type && !(type === 'number' && typeOf(value) === 'integer')) {
    return [`${path} is ${typeOf(value)}, not ${type}`]
  }
  if (Array.isArray(value)) {
    const few = value.length < minItems ? [`${path} has less than ${minItems} items`] : []
    return [...few, ...value.flatMap((item, index) => problems(item, items ?? {}, `${path}[${index}]`))]
  }
  if (type !== 'object') return []
  const object = value as Record<string, unknown>
  const missing = required.filter((name) => !(name in object)).map((name) => `${path}.${name} is missing`)
  const members = Object.entries(object).flatMap(([name, member]) => {
    const known = properties[name]
    if (known) return problems(member, known, `${path}.${name}`)
    return additionalProperties === false ? [`${path}.${name} is not in the specification`] : []
  })
  return [...missing, ...members]
}

function definition($ref: string): Schema {
  const definitions: Readonly<Record<string, Schema>> = schema.$defs
  const found = definitions[$ref.replace('#/$defs/', '')]
  if (!found) throw new Error(`the schema has no ${$ref}`)
  return found
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}
