import type { ASTVisitor, ValidationContext } from 'graphql'
import { introspectionDisabled } from './errors.ts'

/** A validation rule that lets nobody ask what the schema is. `__typename` stays: it says what an answer's value is. */
export function refuseIntrospection(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      if (SCHEMA_FIELDS.has(node.name.value)) context.reportError(introspectionDisabled(node))
    },
  }
}

/**
 * An error's message without the names of the schema that it suggests, from which all of it could be guessed, name by name.
 */
export function withoutSuggestion(message: string): string {
  return message.replace(SUGGESTION, '')
}

const SCHEMA_FIELDS: ReadonlySet<string> = new Set(['__schema', '__type'])
/** As graphql-js ends a message. */
const SUGGESTION = / Did you mean .+\?$/s
