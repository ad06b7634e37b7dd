/** How long an auction may let its bidders take, in milliseconds. */
export const TMAX_MS = { min: 1, max: 5000, default: 200 } as const
