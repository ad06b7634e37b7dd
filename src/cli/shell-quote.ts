/** A text as one word of a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * A GraphQL request as a line to be pasted into a shell.
 * @param hasKey whether the service wants one, which the shell is to have as API_KEY
 * @param host the name to call the service by, where that of its URL is none of its own
 */
export function curlLine(
  graphqlUrl: string,
  request: object,
  { hasKey = false, host }: { readonly hasKey?: boolean; readonly host?: string | undefined } = {},
): string {
  const name = host === undefined ? '' : ` -H ${shellQuote(`Host: ${host}`)}`
  const key = hasKey ? ' -H "authorization: Bearer $API_KEY"' : ''
  return `curl -s ${graphqlUrl}${name}${key} -H 'content-type: application/json' -d ${shellQuote(JSON.stringify(request))}`
}
