/**
 * A value as it may be shown on a terminal or in a log, where passwords must not be. Of a URL, the name or password in front
 * of an @ and everything behind a ? are left out; what is neither a word nor well formed is not shown at all, since a
 * password could be anywhere in it.
 */
export function redact(value: string): string {
  if (PLAIN.test(value)) return value
  const parts = URLS.exec(value)
  if (!parts) return '***'
  const [, scheme = '', user, password, place = '', query] = parts
  const credentials = user === undefined ? '' : password ? `${user}:***@` : '***@'
  return `${scheme}${credentials}${place}${query ? '?***' : ''}`
}

/** Words and numbers. */
const PLAIN = /^[\s\w.,+*-]*$/
const SCHEME = String.raw`[a-z][a-z\d+.-]*:\/\/`
/** A host, its port, a path; a colon that no port follows may be in front of a password. */
const PLACE = String.raw`(?:\[[\da-f:.]+\]|[\w.-]*)(?::\d*)?(?:\/[\w./-]*)?`
/** Such as scheme://user:password@host:1/path?query, or several without user and password. */
const URLS = new RegExp(
  String.raw`^(?:(${SCHEME})(?:([^:/@?\s]*)(:[^@?]*)?@)?)?(${PLACE}(?:,\s*(?:${SCHEME})?${PLACE})*)(\?[^@]*)?$`,
  'is',
)
