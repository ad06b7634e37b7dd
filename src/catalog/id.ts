/** The longest id of a supply or bidder, in characters (Unicode code points, as PostgreSQL counts them). */
export const MAX_ID_CHARACTERS = 128

// Control characters, and the two other line breaks of Unicode: an id is shown in logs, one line each.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]/u
// In Unicode mode a surrogate pair is one character, so this finds only halves, which UTF-8 cannot carry.
const LONE_SURROGATE = /\p{Cs}/u
const MOST_IDS = /^[a-z0-9][\w.-]{0,127}$/i

/** What is wrong with a supply's or bidder's id, as the end of a sentence that begins with it; undefined where nothing is. */
export function idProblem(id: string): string | undefined {
  if (MOST_IDS.test(id)) return undefined
  if (id === '') return 'is an empty id; give it a name'
  if (id === '__proto__') return 'cannot be an id; choose another name'
  if (id.trim() !== id) return 'must not begin or end with white space'
  if (LONE_SURROGATE.test(id)) return 'is not valid Unicode: it has half a surrogate pair'
  if (UNPRINTABLE.test(id)) return 'must not have control characters or line breaks'
  if (id.length > MAX_ID_CHARACTERS) {
    const length = [...id].length
    if (length > MAX_ID_CHARACTERS) return `is ${length} characters long; an id has at most ${MAX_ID_CHARACTERS}`
  }
  return undefined
}
