import { describeConfig } from './config.ts'

/**
 * A line for each environment variable that is none of ours and reads almost as one of them: left to itself, a mistyped
 * setting changes nothing and says nothing.
 */
export function mistypedVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const ours = describeConfig().map(({ name }) => name)
  return Object.keys(env).flatMap((name) => {
    // Short names are near many others: PGHOST is not HOST mistyped.
    if (name.length <= NAME_LENGTH_MIN || name.length > NAME_LENGTH_MAX || ours.includes(name)) return []
    const meant = ours.find((own) => own.length > NAME_LENGTH_MIN && editDistance(name.toUpperCase(), own) <= EDITS_MAX)
    return meant
      ? [`the environment variable ${name} is none of this service's and changes nothing: is it ${meant}?`]
      : []
  })
}

const NAME_LENGTH_MIN = 5
const NAME_LENGTH_MAX = 40
const EDITS_MAX = 2

/** How many letters are to be put in, left out or changed to make one word of the other. */
function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, letter] of [...a].entries()) {
    const now = [row + 1]
    for (const [column, other] of [...b].entries()) {
      const changed = (before[column] ?? 0) + (letter === other ? 0 : 1)
      now.push(Math.min(changed, (before[column + 1] ?? 0) + 1, (now[column] ?? 0) + 1))
    }
    before = now
  }
  return before.at(-1) ?? 0
}
