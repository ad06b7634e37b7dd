/** Counters and log cannot be compared or mended; the message names the remedy. */
export class ReconcileError extends Error {
  override readonly name = 'ReconcileError'
  readonly code = 'RECONCILE_FAILED'
}
