import type { Behaviour } from './answer.ts'

/** A demand partner of the demonstration: how it answers after so many milliseconds. */
export interface DemoPartner {
  readonly name: string
  readonly behaviourAt: (ms: number) => Behaviour
}

/** Quick, steady, so slow that many of its answers come too late, and one that fails for the first half of every half minute. */
export const DEMO_PARTNERS: readonly DemoPartner[] = [
  always({ name: 'swift-ads', latencyMs: [5, 40], noBid: 0.2, errors: 0, price: [0.5, 3] }),
  always({ name: 'steady-dsp', latencyMs: [20, 120], noBid: 0.3, errors: 0, price: [0.8, 4] }),
  always({ name: 'slow-media', latencyMs: [60, 240], noBid: 0.1, errors: 0, price: [1, 5] }),
  failing({ name: 'shaky-network', latencyMs: [10, 60], noBid: 0.2, errors: 0.02, price: [0.5, 4] }),
]

/** So often the last one fails, and for so long, in milliseconds. */
const FAILING_EVERY_MS = 30_000
const FAILING_MS = 15_000

function always(behaviour: Behaviour): DemoPartner {
  return { name: behaviour.name, behaviourAt: () => behaviour }
}

function failing(behaviour: Behaviour): DemoPartner {
  const worse = { ...behaviour, errors: 1 }
  const isFailing = (ms: number) => ms % FAILING_EVERY_MS < FAILING_MS
  return { name: behaviour.name, behaviourAt: (ms) => (isFailing(ms) ? worse : behaviour) }
}
