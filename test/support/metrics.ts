/** What `/metrics` said: each line's value by its name and labels, as they are written. */
export type Scraped = ReadonlyMap<string, number>

/** Asks a service as Prometheus does. */
export async function scrape(metricsUrl: string): Promise<Scraped> {
  const response = await fetch(metricsUrl)
  if (!response.ok) throw new Error(`${metricsUrl} answers ${response.status}.`)
  return parseMetrics(await response.text())
}

export function parseMetrics(text: string): Scraped {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1).replace('+Inf', 'Infinity'))]
    }),
  )
}

/** The lines of one name, by their labels: `outcome="sold"`; of several labels, as they are written. */
export function linesOf(scraped: Scraped, name: string): Record<string, number> {
  const lines = [...scraped].filter(([line]) => line.startsWith(`${name}{`) && line.endsWith('}'))
  return Object.fromEntries(lines.map(([line, value]) => [line.slice(name.length + 1, -1), value]))
}

/** Every name that there is a line of. */
export function namesOf(scraped: Scraped): Set<string> {
  return new Set([...scraped.keys()].map((line) => line.replace(/\{.*/s, '')))
}
