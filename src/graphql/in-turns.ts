import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodeInTurns } from './encode-in-turns.ts'
import type { Execution } from './operations.ts'
import { createPace } from './pace.ts'
import type { Results } from './results.ts'

/**
 * A heavy operation's execution, spread over many turns of the event loop: it is made in one, its rows are resolved and
 * encoded in others. It is made when it first runs, since that alone can take some ten milliseconds.
 */
export function executeInTurns(make: () => Execution, results: Results): Execution {
  let execution: Execution | undefined
  return async (context, variables, rootValue) => {
    try {
      context.pace = createPace()
      await nextTurn()
      if (!execution) {
        execution = make()
        await nextTurn()
      }
      return await encodeInTurns(await execution(context, variables, rootValue))
    } catch (error) {
      return results.fail(error)
    }
  }
}
