import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodeInTurns } from './encode-in-turns.ts'
import type { Execution } from './operations.ts'
import { createPace } from './pace.ts'
import type { Results } from './results.ts'

/** A heavy operation's execution, spread over many turns of the event loop, in which its rows are resolved and encoded. */
export function executeInTurns(execution: Execution, results: Results): Execution {
  return async (context, variables, rootValue) => {
    try {
      context.pace = createPace()
      await nextTurn()
      return await encodeInTurns(await execution(context, variables, rootValue))
    } catch (error) {
      return results.fail(error, context)
    }
  }
}
