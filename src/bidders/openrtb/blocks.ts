/** What a supply does not take. */
export interface Blocks {
  /** Whether an advertiser's domain is blocked: itself, or as one under a blocked domain. */
  hasDomain(domain: string): boolean
  /** Whether a category is blocked: itself, or as one under a blocked category, as IAB25-3 is under IAB25. */
  hasCategory(category: string): boolean
}

/** Makes a list of blocks something to look into, once for as long as a supply's settings are in use. */
export function createBlocks(): (list: readonly string[]) => Blocks {
  const made = new WeakMap<readonly string[], Blocks>()
  return (list) => {
    let blocks = made.get(list)
    if (blocks === undefined) {
      const entries = new Set(list.map((entry) => hostOf(entry)))
      // Names of bidders may be long, of many parts: what is longer than all entries need not be looked for.
      let longest = 0
      for (const { length } of entries) if (length > longest) longest = length
      blocks = {
        hasDomain: (domain) => hasDomain(entries, longest, domain),
        hasCategory: (category) => hasCategory(entries, longest, category),
      }
      made.set(list, blocks)
    }
    return blocks
  }
}

function hasDomain(blocks: ReadonlySet<string>, longest: number, domain: string): boolean {
  const host = hostOf(domain)
  if (host.length <= longest && blocks.has(host)) return true
  let dot = host.indexOf('.', host.length - longest - 1)
  for (; dot !== -1; dot = host.indexOf('.', dot + 1)) if (blocks.has(host.slice(dot + 1))) return true
  return false
}

function hasCategory(blocks: ReadonlySet<string>, longest: number, category: string): boolean {
  const name = category.trim().toLowerCase()
  if (name.length <= longest && blocks.has(name)) return true
  let dash = name.lastIndexOf('-', longest)
  for (; dash > 0; dash = name.lastIndexOf('-', dash - 1)) if (blocks.has(name.slice(0, dash))) return true
  return false
}

/** Bidders write domains as hosts, and some as addresses of pages. */
function hostOf(domain: string): string {
  const host = domain.trim().toLowerCase().replace(SCHEME, '').replace(BEHIND_HOST, '')
  return host.endsWith('.') ? host.slice(0, -1) : host
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//
const BEHIND_HOST = /[/:?#].*$/s
