/** Environment variables, by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** The names of the variables that a header's value refers to, such as `ACME_TOKEN` of `Bearer ${ACME_TOKEN}`. */
export function variablesIn(value: string): string[] {
  return [...value.matchAll(VARIABLE)].map(([, name = '']) => name)
}

/** A header's value with its variables filled in; undefined where one of them is not set, or empty. */
export function withVariables(value: string, variables: Variables): string | undefined {
  if (variablesIn(value).some((name) => !variables[name])) return undefined
  return value.replaceAll(VARIABLE, (_, name: string) => variables[name] ?? '')
}

/** Whether a value has the beginning of a variable that is none. */
export function hasBrokenVariable(value: string): boolean {
  return value.replaceAll(VARIABLE, '').includes('${')
}

/** What may be sent as a header's value (RFC 9110, 5.5), without what is not ASCII. */
export const HEADER_VALUE = /^[!-~](?:[\t -~]*[!-~])?$/
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g
