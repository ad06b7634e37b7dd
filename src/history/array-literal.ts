/** Array literals as PostgreSQL reads them, made quicker than by the driver: they are most of what a batch costs. */

export function numberArray(values: Iterable<number | bigint | null>): string {
  let text = '{'
  for (const value of values) text += `${text.length === 1 ? '' : ','}${value ?? 'NULL'}`
  return `${text}}`
}

export function textArray(values: Iterable<string | null>): string {
  let text = '{'
  for (const value of values) text += `${text.length === 1 ? '' : ','}${value === null ? 'NULL' : quoted(value)}`
  return `${text}}`
}

function quoted(text: string): string {
  return `"${text.includes('"') || text.includes('\\') ? text.replaceAll(/["\\]/g, '\\$&') : text}"`
}
