/** A command line option with a value that cannot be used; the message names the option, the value and what is allowed. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
  readonly code = 'OPTION_INVALID'
}

/**
 * The value of an option that is a whole number.
 * @param option its name, such as --supplies
 * @throws OptionError where the text is no whole number from `min` to `max`
 */
export function parseWholeNumberOption(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new OptionError(`${option} ${text} cannot be used: it must be a whole number from ${min} to ${max}.`)
}
