/**
 * The order of ids everywhere: by code point, which is the order of their UTF-8 bytes, as Redis and PostgreSQL (COLLATE "C")
 * sort. JavaScript's own order, by UTF-16 unit, puts what is beyond the basic plane (an emoji) before U+E000 to U+FFFF.
 */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const unitA = a.charCodeAt(index)
    const unitB = b.charCodeAt(index)
    if (unitA === unitB) continue
    const isBeyondA = isSurrogate(unitA)
    return isBeyondA === isSurrogate(unitB) ? unitA - unitB : isBeyondA ? 1 : -1
  }
  return a.length - b.length
}

/** Half of a code point beyond the basic plane. */
function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}
