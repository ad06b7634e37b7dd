import { randomInt } from 'node:crypto'
import { createMapWindow } from './map-window.ts'
import { createPackedWindow } from './packed-window.ts'
import type { RateLimitPolicy, SlidingWindow } from './types.ts'

/**
 * The most addresses remembered at once. Beyond it the addresses untouched for longest are forgotten early, which gives
 * them a fresh budget: a flood from more addresses than this is not one to stop by address.
 */
export const TRACKED_KEYS_MAX = 2_000_000

/** A window in this process's memory: packed into some 40 bytes a key, or with objects where `max` is large. */
export function createSlidingWindow(policy: RateLimitPolicy, trackedKeysMax: number = TRACKED_KEYS_MAX): SlidingWindow {
  return policy.max <= PACKED_MAX
    ? createPackedWindow(policy, { trackedKeysMax, hashSeed: randomInt(2 ** 32) })
    : createMapWindow(policy, trackedKeysMax)
}

/** The most requests a window for which their times are kept beside the key, moved by one when another comes. */
const PACKED_MAX = 16
