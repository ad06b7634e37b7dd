/** What a load did to the rows of one kind; added + updated + left is how many there are now. */
export interface LoadCounts {
  readonly supplies: RowCounts & { readonly updated: number }
  readonly bidders: RowCounts & { readonly updated: number }
  /** Which bidders the supplies may sell to, one for each pair. */
  readonly links: RowCounts
}

export interface RowCounts {
  readonly added: number
  /** Found as they are and not changed, whether the file has them or not. */
  readonly left: number
  readonly removed: number
}

/** How many rows a load has changed. */
export function changedRows({ supplies, bidders, links }: LoadCounts): number {
  return [supplies, bidders, links].reduce(
    (sum, { added, removed }) => sum + added + removed,
    supplies.updated + bidders.updated,
  )
}

/** Cuts a list into pages of about `maxRows` rows each, `rows` telling how many an entry is. */
export function* pages<T>(entries: Iterable<T>, maxRows: number, rows: (entry: T) => number): Generator<T[]> {
  let page: T[] = []
  let pageRows = 0
  for (const entry of entries) {
    page.push(entry)
    pageRows += rows(entry)
    if (pageRows < maxRows) continue
    yield page
    page = []
    pageRows = 0
  }
  if (page.length > 0) yield page
}
