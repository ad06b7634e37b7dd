/** A reason that fits a close frame, which has 125 bytes with its code: what is beyond is cut off. */
export function closeReason(reason = ''): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= MAX_CLOSE_REASON_BYTES) return reason
  return bytes
    .subarray(0, MAX_CLOSE_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/, '')
}

const MAX_CLOSE_REASON_BYTES = 123
