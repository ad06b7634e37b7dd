import type { CircuitState } from '../bidders/openrtb/circuit-breaker.ts'
import { createOpenRtbBidders, type OpenRtbBidders } from '../bidders/openrtb/client.ts'
import { createSimulatedBidders } from '../bidders/simulated.ts'
import type { BidderClient } from '../bidders/types.ts'
import type { Variables } from '../catalog/header-variables.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import type { DependencyState } from '../server/health.ts'

export interface OpenBidders {
  /** Asks each bidder as it is asked: over HTTP where it has an endpoint, else the simulation. */
  readonly client: BidderClient
  readonly openRtb: OpenRtbBidders
  dispose(): Promise<void>
}

export interface BiddersDependencies {
  readonly config: Pick<
    Config,
    'simulatedLatencyFactor' | 'noBidProbability' | 'sellerDomain' | 'sellerAccountId' | 'privacyFullIp'
  >
  /** What bidders' headers may name. */
  readonly env: Variables
  /** Milliseconds, as auctions' deadlines are. */
  readonly now: () => number
  readonly log: Logger
}

export function openBidders({ config, env, now, log }: BiddersDependencies): OpenBidders {
  const simulated = createSimulatedBidders({
    latencyFactor: config.simulatedLatencyFactor,
    noBidProbability: config.noBidProbability,
  })
  const openRtb = createOpenRtbBidders({
    seller: { domain: config.sellerDomain, accountId: config.sellerAccountId },
    sendsFullAddress: config.privacyFullIp === '1',
    env,
    now,
    onHealthChange: (bidder, health) => tellHealth(log, bidder, health),
    onNotConfigured: (bidder, problem) => log.error(`bidder ${bidder} is not asked: ${problem}`),
  })
  return {
    client: {
      bid: (bidder, request, deadlineMs) =>
        bidder.http === undefined
          ? simulated.bid(bidder, request, deadlineMs)
          : openRtb.bid(bidder, request, deadlineMs),
    },
    openRtb,
    dispose: () => openRtb.dispose(),
  }
}

/**
 * Bidders over HTTP as a dependency; undefined where none was asked yet. It is down while any of them is not asked or only
 * tried: auctions go on without it.
 */
export function biddersState({ status }: Pick<OpenRtbBidders, 'status'>): DependencyState | undefined {
  const { bidders, notConfigured } = status()
  if (bidders.size === 0 && notConfigured.length === 0) return undefined
  const failing = [...bidders].filter(([, { health }]) => health !== 'CLOSED').map(([id]) => id)
  const problems = [
    ...(failing.length > 0 ? [`not asked, since they fail: ${named(failing)}`] : []),
    ...(notConfigured.length > 0
      ? [`not asked, since they are not configured as the log says: ${named(notConfigured)}`]
      : []),
  ]
  return {
    status: problems.length > 0 ? 'down' : 'up',
    kind: 'openrtb',
    ...(problems.length > 0 && { error: problems.join('; ') }),
    bidders: Object.fromEntries([...bidders].slice(0, TOLD_MAX)),
  }
}

function tellHealth(log: Logger, bidder: string, health: CircuitState): void {
  if (health === 'OPEN') log.warn(`bidder ${bidder} fails: it is not asked for a while`)
  else if (health === 'HALF_OPEN') log.info(`bidder ${bidder} is tried again`)
  else log.info(`bidder ${bidder} answers again`)
}

function named(ids: readonly string[]): string {
  const more = ids.length - NAMED_MAX
  return `${ids.slice(0, NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const NAMED_MAX = 20
/** Bidders whose state is told one by one. */
const TOLD_MAX = 100
