/** @typedef {import('./types.ts').Report} Report */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (/** @type {number} */ index) => sorted[index] ?? Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
}

/**
 * The median over rounds of what `pick` takes from each report.
 * @param {readonly Report[] | undefined} reports
 * @param {(report: Report) => number | undefined} pick
 */
export function medianOf(reports, pick) {
  return median((reports ?? []).map((report) => pick(report) ?? Number.NaN))
}

/**
 * The median of the rounds' own ratios of CPU time: a slow moment of the machine is in both parts of a round.
 * @param {readonly Report[] | undefined} reports
 * @param {readonly Report[] | undefined} baseline
 */
export function cpuRatio(reports, baseline) {
  return median((reports ?? []).map(({ cpuUs }, round) => cpuUs / (baseline?.[round]?.cpuUs ?? Number.NaN)))
}

/**
 * @param {number} value
 * @param {number} [digits]
 */
export function fixed(value, digits = 0) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return fixed(bytes / 2 ** 20, bytes < 10 * 2 ** 20 ? 2 : 0)
}

/**
 * A Markdown table.
 * @param {readonly string[]} headings
 * @param {readonly (readonly (string | number)[])[]} rows
 */
export function table(headings, rows) {
  const cells = [headings, ...rows].map((row) => row.map(String))
  const widths = headings.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row) => `| ${row.map((cell, column) => pad(cell, widths[column], column)).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n')
}

function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

/**
 * One figure against its goal.
 * @param {string} figure
 * @param {number} goal
 * @param {number} measured
 * @returns {import('./types.ts').Goal}
 */
export function atMost(figure, goal, measured, { digits = 2, unit = '' } = {}) {
  return {
    figure,
    goal: `≤ ${fixed(goal, digits)}${unit}`,
    measured: `${fixed(measured, digits)}${unit}`,
    isMet: measured <= goal,
  }
}

/**
 * One figure against its goal.
 * @param {string} figure
 * @param {number} goal
 * @param {number} measured
 * @returns {import('./types.ts').Goal}
 */
export function atLeast(figure, goal, measured, { digits = 2, unit = '' } = {}) {
  return {
    figure,
    goal: `≥ ${fixed(goal, digits)}${unit}`,
    measured: `${fixed(measured, digits)}${unit}`,
    isMet: measured >= goal,
  }
}
