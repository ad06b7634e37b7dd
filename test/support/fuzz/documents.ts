import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  buildSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import { DIRECTIVES, ODD_VALUES, SCALARS } from './document-words.ts'

/** A GraphQL request whose document goes by the schema, mostly. */
export interface DocumentRequest {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly operationName?: string
}

/**
 * Requests that the schema allows, or nearly. A document is what a list of numbers chooses: each number one of the ways to go
 * on, zero the simplest, also where the list is over. So a counterexample shrinks as its list does.
 */
export const documentRequests: fc.Arbitrary<DocumentRequest> = fc
  .array(fc.noBias(fc.nat(1000)), { maxLength: 300, size: 'max' })
  .map(writeDocument)

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'))
const types = Object.values(schema.getTypeMap())
const composites = types.filter((type) => isCompositeType(type) && !type.name.startsWith('__'))
const enumValues = new Set(types.flatMap((type) => (isEnumType(type) ? type.getValues().map(({ name }) => name) : [])))

function writeDocument(choices: readonly number[]): DocumentRequest {
  let taken = 0
  const variables: Record<string, unknown> = {}
  const declarations: string[] = []
  const spreads = new Set<string>()

  const operationType = oneOf(['query', 'mutation', 'query', 'subscription'] as const)
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }
  const name = rarely(3) ? oneOf(['A', 'B', '__proto__']) : ''
  const body = selection(root[operationType] as GraphQLNamedType, 0)
  const fragments: string[] = []
  for (const spread of spreads) {
    const on = oneOf(composites) as GraphQLNamedType
    fragments.push(` fragment ${spread} on ${rarely(15) ? 'Nothing' : on.name}${directives()} ${selection(on, 3)}`)
  }
  const declared = declarations.length > 0 ? `(${declarations.join(', ')})` : ''
  const more = rarely(20)
    ? oneOf([' query Other { __typename }', ' query A { __typename }', ' type T { a: Int }', ' {'])
    : ''
  return {
    query: `${operationType} ${name}${declared}${directives()} ${body}${fragments.join('')}${more}`,
    variables: rarely(30) ? {} : variables,
    ...(rarely(10) && { operationName: oneOf(['A', 'B', 'Other', '', '__proto__', 'x'.repeat(500)]) }),
  }

  function choose(ways: number): number {
    const choice = choices[taken++] ?? 0
    return choice % ways
  }
  function oneOf<T>(all: readonly T[]): T {
    return all[choose(all.length)] as T
  }
  /** Once in so many times. */
  function rarely(times: number): boolean {
    return choose(times) === times - 1
  }

  function selection(type: GraphQLNamedType, depth: number): string {
    // Of each auction that is held the answer tells that it was.
    const parts = isAbstractType(type) ? ['__typename'] : []
    const count = 1 + choose(4)
    for (let index = 0; index < count; index++) parts.push(selected(type, depth))
    if (rarely(80)) parts.push(Array.from({ length: 20 }, (_, index) => `alias${index}: __typename`).join(' '))
    if (rarely(60)) parts.push(`${'...{'.repeat(30)}__typename${'}'.repeat(30)}`)
    return `{ ${parts.join(' ')} }`
  }

  function selected(type: GraphQLNamedType, depth: number): string {
    const way = choose(24)
    if (way === 23)
      return oneOf([
        'nothing',
        'nothing { id }',
        'id(a: 1)',
        '__proto__',
        '__type(name: "Query") { name ofType { name } }',
      ])
    if (way === 22) return '__schema { types { name fields { name args { name } type { ofType { name } } } } }'
    if (way === 21) {
      const spread = oneOf(['F', 'G', 'H'])
      spreads.add(spread)
      return `...${spread}${directives()}`
    }
    if (way >= 19 || !('getFields' in type)) {
      const on =
        isAbstractType(type) && !rarely(20)
          ? oneOf(schema.getPossibleTypes(type))
          : oneOf([type, type, oneOf(composites)])
      return depth > 9 ? '__typename' : `... on ${on.name}${directives()} ${selection(on, depth + 1)}`
    }
    if (!isObjectType(type) || way === 0) return '__typename'
    const all = Object.values(type.getFields())
    const leaves = all.filter((field) => !isCompositeType(getNamedType(field.type)))
    return fieldOf(oneOf(depth > 6 && leaves.length > 0 ? leaves : all), depth)
  }

  function fieldOf(field: GraphQLField<unknown, unknown>, depth: number): string {
    const type = getNamedType(field.type)
    const alias = rarely(6) ? `${oneOf(['a', 'b', 'id', '__proto__', 'constructor'])}: ` : ''
    const args = field.args
      .filter((arg) => (isNonNullType(arg.type) && arg.defaultValue === undefined ? !rarely(20) : rarely(3)))
      .map((arg) => `${arg.name}: ${argument(arg.type)}`)
    if (rarely(60)) args.push('more: 1')
    const body = isCompositeType(type) && !rarely(60) ? ` ${selection(type, depth + 1)}` : ''
    return `${alias}${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${directives()}${body}`
  }

  function argument(type: GraphQLInputType): string {
    if (rarely(25))
      return oneOf(['null', '{}', '[]', '"x"', '1', '1.5', 'true', 'ENUM', '$undeclared', '"""\n"""', `"${'\\u0000'}"`])
    if (!rarely(3)) return literal(valueFor(type))
    const variable = `v${declarations.length}`
    const declared = rarely(15) ? oneOf(['Int', 'String!', '[ID!]!', 'RunAuctionInput', 'Nothing']) : String(type)
    const withDefault = rarely(6) ? ` = ${literal(valueFor(type))}` : ''
    declarations.push(`$${variable}: ${withDefault && rarely(2) ? declared.replace(/!$/, '') : declared}${withDefault}`)
    if (!rarely(10)) variables[variable] = rarely(10) ? oneOf(ODD_VALUES) : valueFor(type)
    return `$${variable}`
  }

  function valueFor(type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return valueFor(type.ofType)
    if (rarely(40)) return oneOf(ODD_VALUES)
    if (isListType(type)) return Array.from({ length: choose(3) }, () => valueFor(type.ofType))
    if (isEnumType(type)) return oneOf(type.getValues()).name
    if (!isInputObjectType(type)) return oneOf(SCALARS[type.name] ?? ['x'])
    const fields = Object.values(type.getFields()).filter(
      // What is asked for again is not sold again.
      ({ name, type: of }) => name !== 'idempotencyKey' && (isNonNullType(of) ? !rarely(25) : rarely(8)),
    )
    return Object.fromEntries(fields.map(({ name, type: of }) => [name, valueFor(of)]))
  }

  function directives(): string {
    if (!rarely(10)) return ''
    return oneOf(DIRECTIVES).replace('$b', () => argument(schema.getType('Boolean') as GraphQLInputType))
  }
}

/** Enum values without quotes. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([name, child]) => `${name}: ${literal(child)}`)
      .join(', ')}}`
  }
  return typeof value === 'string' && enumValues.has(value) ? value : JSON.stringify(value)
}
