import type { ExecutionResult } from 'graphql'
import type { Config } from '../config.ts'
import type { Origin } from '../graphql/context.ts'
import { tooManyOfAddress } from '../graphql/errors.ts'
import type { ResultStream } from '../graphql/operations.ts'
import type { ClientAddresses } from './client-addresses.ts'
import { isStream, untilEnd } from './result-streams.ts'

/** How many subscriptions the clients of one address have, over all their connections and every transport. */
export interface SubscriptionPlaces {
  /**
   * Starts a subscription where its client may have one more, which it has until its stream ends.
   * @throws GraphQLError TOO_MANY_SUBSCRIPTIONS
   */
  hold(origin: Origin, start: () => Promise<Started>): Promise<Started>
}

type Started = ResultStream | ExecutionResult

export interface SubscriptionPlacesDependencies {
  readonly addresses: Pick<ClientAddresses, 'ofRequest'>
  readonly limits: Pick<Config, 'maxSubscriptionsPerAddress'>
}

export function createSubscriptionPlaces({ addresses, limits }: SubscriptionPlacesDependencies): SubscriptionPlaces {
  const max = limits.maxSubscriptionsPerAddress
  const counts = new Map<string, number>()

  return {
    async hold({ request }, start) {
      const address = addresses.ofRequest(request)
      if (address === undefined) return start()
      const leave = take(address)
      let started: Started | undefined
      try {
        started = await start()
      } finally {
        if (!isStream(started)) leave()
      }
      return isStream(started) ? untilEnd(started, leave) : started
    },
  }

  /** Returns the function that gives the place back, which may be called again. */
  function take(address: string): () => void {
    const count = counts.get(address) ?? 0
    if (count >= max) throw tooManyOfAddress(max)
    counts.set(address, count + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const left = (counts.get(address) ?? 0) - 1
      if (left > 0) counts.set(address, left)
      else counts.delete(address)
    }
  }
}
