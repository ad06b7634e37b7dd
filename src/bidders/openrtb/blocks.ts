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
      blocks = {
        hasDomain: (domain) => hasDomain(entries, domain),
        hasCategory: (category) => hasCategory(entries, category),
      }
      made.set(list, blocks)
    }
    return blocks
  }
}

function hasDomain(blocks: ReadonlySet<string>, domain: string): boolean {
  let under = hostOf(domain)
  for (;;) {
    if (blocks.has(under)) return true
    const dot = under.indexOf('.')
    if (dot === -1) return false
    under = under.slice(dot + 1)
  }
}

function hasCategory(blocks: ReadonlySet<string>, category: string): boolean {
  let over = category.trim().toLowerCase()
  for (;;) {
    if (blocks.has(over)) return true
    const dash = over.lastIndexOf('-')
    if (dash === -1) return false
    over = over.slice(0, dash)
  }
}

/** Bidders write domains as hosts, and some as addresses of pages. */
function hostOf(domain: string): string {
  const host = domain.trim().toLowerCase().replace(SCHEME, '').replace(BEHIND_HOST, '')
  return host.endsWith('.') ? host.slice(0, -1) : host
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//
const BEHIND_HOST = /[/:?#].*$/s
