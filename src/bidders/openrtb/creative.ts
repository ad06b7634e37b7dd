import type { Impression } from '../../openrtb/types.ts'
import type { ReasonName } from '../reasons.ts'
import type { MediaType } from '../types.ts'
import { DEFAULT_IMPRESSION } from './supply-part.ts'

/** OpenRTB's `mtype` (list "Creative Markup Types"). */
export const CREATIVE_MARKUP_TYPES = { BANNER: 1, VIDEO: 2, AUDIO: 3, NATIVE: 4 } as const

/** What kind of creative a bid has, and of what size. */
export interface CreativeShape {
  readonly mediaType: MediaType
  /** In device-independent pixels; null where the bid does not say. */
  readonly width: number | null
  readonly height: number | null
}

/** The shape of a bid's creative, or why the impression does not take it. */
export function shapeOf(
  { mtype, w, h }: { readonly mtype?: unknown; readonly w?: unknown; readonly h?: unknown },
  markup: string,
  offered: Impression | null,
): CreativeShape | ReasonName {
  const impression = offered ?? DEFAULT_IMPRESSION
  const mediaType = mtype === undefined || mtype === null ? guess(markup, impression) : MEDIA_TYPES.get(mtype)
  if (mediaType === undefined || !isOffered(mediaType, impression)) return 'MEDIA_TYPE_NOT_ALLOWED'
  const width = w ?? null
  const height = h ?? null
  if (!isSide(width) || !isSide(height)) return 'SIZE_NOT_ALLOWED'
  // What a video or a native ad is scaled to is its player's or its page's to decide.
  if (mediaType === 'BANNER' && !fits(width, height, impression)) return 'SIZE_NOT_ALLOWED'
  return { mediaType, width, height }
}

/** Bids need not say their kind: where there is a choice, the markup's beginning tells. */
function guess(markup: string, { banner, video, native }: Impression): MediaType {
  const only = [banner && 'BANNER', video && 'VIDEO', native && 'NATIVE'].filter((kind) => kind !== undefined)
  if (only.length === 1) return only[0] as MediaType
  if (video && VAST.test(markup)) return 'VIDEO'
  if (native && JSON_OBJECT.test(markup)) return 'NATIVE'
  return 'BANNER'
}

function isOffered(mediaType: MediaType, { banner, video, native }: Impression): boolean {
  if (mediaType === 'BANNER') return banner !== undefined
  if (mediaType === 'VIDEO') return video !== undefined
  return mediaType === 'NATIVE' && native !== undefined
}

function isSide(side: unknown): side is number | null {
  return side === null || (typeof side === 'number' && Number.isInteger(side) && side > 0 && side <= SIDE_MAX)
}

/** Whether a banner's size, as far as the bid says it, is one that is offered. */
function fits(width: number | null, height: number | null, { banner }: Impression): boolean {
  if (width === null && height === null) return true
  const sizes = banner?.format && banner.format.length > 0 ? banner.format : [banner ?? {}]
  for (const { w, h } of sizes) {
    const isWide = width === null || w === undefined || w === width
    const isHigh = height === null || h === undefined || h === height
    if (isWide && isHigh) return true
  }
  return false
}

const MEDIA_TYPES: ReadonlyMap<unknown, MediaType> = new Map(
  Object.entries(CREATIVE_MARKUP_TYPES).map(([mediaType, mtype]) => [mtype, mediaType as MediaType]),
)
const VAST = /^\s*<(\?xml|VAST)/i
const JSON_OBJECT = /^\s*\{/
const SIDE_MAX = 32_767
