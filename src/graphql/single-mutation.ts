import { type DocumentNode, GraphQLSchema, Kind, type OperationDefinitionNode, OperationTypeNode } from 'graphql'

/** A document as graphql-jit is to compile it, and the schema to compile it with. */
export interface Compilable {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
}

/**
 * Mutations of one field, to be compiled as queries of the Mutation type: of one field the order is the same. What
 * graphql-jit 0.8 compiles of a mutation assigns functions to properties of each execution's context, and V8 makes a
 * function literal that is assigned to a property in the old generation (`SetPretenure` in its parser). From there it
 * holds its execution, with the request and the result, until the next full collection: each collection of the young
 * generation had to copy all requests since the one before.
 */
export function createSingleMutations(
  schema: GraphQLSchema,
): (document: DocumentNode, definition: OperationDefinitionNode) => Compilable {
  const query = schema.getMutationType()
  const ofMutations = query && new GraphQLSchema({ ...schema.toConfig(), query, mutation: null, assumeValid: true })
  return (document, definition) => {
    if (!ofMutations || !isSingleMutation(definition)) return { schema, document }
    const asQuery = { ...definition, operation: OperationTypeNode.QUERY }
    const definitions = document.definitions.map((other) => (other === definition ? asQuery : other))
    return { schema: ofMutations, document: { ...document, definitions } }
  }
}

function isSingleMutation({ operation, selectionSet: { selections } }: OperationDefinitionNode): boolean {
  return operation === OperationTypeNode.MUTATION && selections.length === 1 && selections[0]?.kind === Kind.FIELD
}
