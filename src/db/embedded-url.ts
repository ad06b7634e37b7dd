import { resolve } from 'node:path'

const EMBEDDED_HOST = 'embedded'

/** Names the embedded database of a data folder where a URL is wanted, as in prisma.config.ts; nothing connects to it. */
export function embeddedUrl(dataDir: string): string {
  return `postgresql://${EMBEDDED_HOST}/postgres?dataDir=${encodeURIComponent(resolve(dataDir))}`
}

/** The data folder of an embedded database's URL; undefined for any other URL. */
export function parseEmbeddedUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { hostname, searchParams } = new URL(url)
  return hostname === EMBEDDED_HOST ? (searchParams.get('dataDir') ?? undefined) : undefined
}
