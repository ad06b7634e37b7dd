// How messages about a data file name places, values and problems.

/** A place in the file as people write it, such as `bidders.acme.country` or `supplies["a b"][0]`. */
export function path(...parts: readonly (string | number | undefined)[]): string {
  return parts
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      if (part === undefined || !/^[\p{L}\p{N}_-]{1,128}$/u.test(part)) return `[${quote(part ?? '')}]`
      return index === 0 ? part : `.${part}`
    })
    .join('')
}

/** A value as JSON shows it, shortened, and free of what would break or colour a line. */
export function quote(value: string): string {
  const shown = value.length > MAX_QUOTED_CHARACTERS ? `${value.slice(0, MAX_QUOTED_CHARACTERS)}…` : value
  return JSON.stringify(shown).replaceAll(/[\u007F-\u009F\u2028\u2029]/g, '�')
}

/** What the JSON library found wrong, in words. */
export function syntaxProblem(code: string, text: string, offset: number, length: number): string {
  if (offset >= text.length) return text.trim() === '' ? 'it is empty' : 'it ends too early'
  const found = quote(text.slice(offset, offset + Math.max(length, 1)))
  return SYNTAX_PROBLEMS[code]?.(found) ?? `${found} cannot be here`
}

/** Why a file cannot be read, from Node's error. */
export function fileProblem(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return `${path} does not exist; \`auction generate-input-json --output ${path}\` makes one.`
  if (code === 'EISDIR') return `${path} is a directory; name a file.`
  if (code === 'EACCES' || code === 'EPERM') return `${path} cannot be read: permission denied.`
  return `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`
}

const MAX_QUOTED_CHARACTERS = 60

const SYNTAX_PROBLEMS: Readonly<Record<string, (found: string) => string>> = {
  PropertyNameExpected: (found) => `a name in double quotes is expected, not ${found}`,
  ValueExpected: (found) => `a value is expected, not ${found}`,
  ColonExpected: (found) => `a colon is missing before ${found}`,
  CommaExpected: (found) => `a comma is missing before ${found}`,
  EndOfFileExpected: (found) => `nothing may follow its end, but ${found} does`,
  InvalidCommentToken: () => 'it has a comment',
  UnexpectedEndOfString: () => 'a text is not closed',
  InvalidUnicode: (found) => `a \\u escape needs four hexadecimal digits, in ${found}`,
  InvalidEscapeCharacter: (found) => `an unknown escape, in ${found}`,
  InvalidCharacter: (found) => `a control character that is not escaped, in ${found}`,
}
