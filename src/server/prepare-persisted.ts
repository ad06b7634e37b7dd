import { type DocumentNode, type GraphQLError, Kind } from 'graphql'
import type { Operations } from '../graphql/operations.ts'
import { type PersistedFile, PersistedOperationsError } from './persisted-file.ts'
import type { Yoga } from './yoga.ts'

export interface PrepareDependencies {
  readonly yoga: Yoga
  readonly operations: Pick<Operations, 'prepare'>
  readonly listed: PersistedFile
}

/**
 * Parses, validates and compiles each operation that is listed, so that the lanes know it from its first request on.
 * @throws PersistedOperationsError naming those that cannot be executed
 */
export async function preparePersisted({
  yoga,
  operations,
  listed: { path, texts },
}: PrepareDependencies): Promise<void> {
  const problems: string[] = []
  for (const [id, text] of texts) {
    const read = await readDocument(yoga, text)
    if ('kind' in read) for (const name of namesOf(read)) operations.prepare(read, name)
    else problems.push(`${JSON.stringify(id)}: ${read.map(({ message }) => message).join(' ')}`)
  }
  if (problems.length === 0) return
  const shown = problems.slice(0, SHOWN_MAX).join('\n')
  const more = problems.length > SHOWN_MAX ? `\nand ${problems.length - SHOWN_MAX} more` : ''
  throw new PersistedOperationsError(
    path,
    `${problems.length} of its ${texts.size} operations cannot be executed. Make it anew from what clients send and this version's schema.graphql, or raise the limit that is named.\n${shown}${more}`,
  )
}

/** A text's document; what is wrong with it where it is not to be executed. */
async function readDocument(
  yoga: Yoga,
  text: string,
): Promise<DocumentNode | readonly Pick<GraphQLError, 'message'>[]> {
  const { parse, validate, schema } = yoga.getEnveloped({})
  try {
    const document: DocumentNode = parse(text)
    const errors = await validate(schema, document)
    return errors.length > 0 ? errors : document
  } catch (error) {
    return [error as GraphQLError]
  }
}

/** What a document's operations are asked for by: the only one by no name as well. */
function namesOf({ definitions }: DocumentNode): (string | undefined)[] {
  const names = definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? [definition.name?.value] : [],
  )
  return names.length === 1 && names[0] !== undefined ? [undefined, ...names] : names
}

const SHOWN_MAX = 10
