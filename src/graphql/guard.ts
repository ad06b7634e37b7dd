import { defaultFieldResolver, type GraphQLField, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql'
import { FIELD_RULES, type FieldRule, refusalOf } from '../access/rules.ts'
import type { RateLimitDecision } from '../rate-limit/types.ts'
import type { GraphQLContext } from './context.ts'
import { forbidden, keyRateLimited } from './errors.ts'

type Field = GraphQLField<unknown, GraphQLContext>
type Resolve = GraphQLFieldResolver<unknown, GraphQLContext>

/**
 * Puts each field's rule in front of its resolver, through which every way of asking goes: aliases, fragments, conditions,
 * compiled or not, of whatever transport. Without a caller, where no keys are asked for, nothing is checked.
 * @throws where a root field has no rule
 */
export function guardFields(schema: GraphQLSchema): GraphQLSchema {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  for (const type of roots) {
    for (const name of Object.keys(type?.getFields() ?? {})) {
      if (!(`${type?.name}.${name}` in FIELD_RULES)) {
        throw new Error(`${type?.name}.${name} is open to every API key: give it a rule in src/access/rules.ts.`)
      }
    }
  }
  for (const [coordinate, rule] of Object.entries(FIELD_RULES)) {
    const [typeName = '', name = ''] = coordinate.split('.')
    const type = schema.getType(typeName)
    const field = type && 'getFields' in type ? type.getFields()[name] : undefined
    if (!field || !('resolve' in field)) throw new Error(`The schema has no ${coordinate}, which a rule is for.`)
    guard(field, rule, roots.includes(type as never))
  }
  return schema
}

/** A subscription is checked where it begins, not for each event. */
function guard(field: Field, rule: FieldRule, isRoot: boolean): void {
  if (field.subscribe) field.subscribe = guarded(field.name, rule, isRoot, field.subscribe)
  else field.resolve = guarded(field.name, rule, isRoot, field.resolve ?? defaultFieldResolver)
}

/** A root field is one thing that a key asks for, and is counted; what is refused is not. */
function guarded(name: string, rule: FieldRule, isRoot: boolean, resolve: Resolve): Resolve {
  return (parent, args, context, info) => {
    const { caller } = context
    if (caller === undefined) return resolve(parent, args, context, info)
    const refusal = refusalOf(name, rule, caller, args)
    if (refusal !== undefined) throw forbidden(refusal)
    const { rate } = caller
    if (rate === undefined || !isRoot) return resolve(parent, args, context, info)
    const go = (decided: RateLimitDecision): unknown => {
      if (!decided.isAllowed) throw keyRateLimited(decided.retryAfterMs, rate.policy)
      return resolve(parent, args, context, info)
    }
    const decision = rate.take()
    return decision instanceof Promise ? decision.then(go) : go(decision)
  }
}
