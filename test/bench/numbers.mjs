export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The median over rounds of what `pick` takes from each report. */
export function medianOf(reports, pick) {
  return median(reports.map(pick))
}

/** The median of the rounds' own ratios of CPU time: a slow moment of the machine is in both parts of a round. */
export function cpuRatio(reports, baseline) {
  return median(reports.map((report, round) => report.cpuUs / baseline[round].cpuUs))
}

export function fixed(value, digits = 0) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function megabytes(bytes) {
  return fixed(bytes / 2 ** 20, bytes < 10 * 2 ** 20 ? 2 : 0)
}

/** A Markdown table. */
export function table(headings, rows) {
  const cells = [headings, ...rows].map((row) => row.map(String))
  const widths = headings.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => pad(cell, widths[column], column)).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n')
}

function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

/** One figure against its goal. */
export function atMost(figure, goal, measured, { digits = 2, unit = '' } = {}) {
  return {
    figure,
    goal: `≤ ${fixed(goal, digits)}${unit}`,
    measured: `${fixed(measured, digits)}${unit}`,
    isMet: measured <= goal,
  }
}
