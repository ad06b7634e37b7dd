/** A time as it is told: to a hundredth of its unit. */
export function roundToHundredths(time: number): number {
  return Math.round(time * 100) / 100
}
