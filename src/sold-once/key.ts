/** The most characters of a key. */
export const KEY_LENGTH_MAX = 64

/** Whether `text` can be an idempotency key. Half of a surrogate pair is no character: Redis could not tell two apart. */
export function isIdempotencyKey(text: string): boolean {
  return KEY.test(text)
}

const KEY = new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${KEY_LENGTH_MAX}}$`, 'u')
