import type {
  Impression,
  OpenRtbApp,
  OpenRtbBanner,
  OpenRtbFormat,
  OpenRtbNative,
  OpenRtbPublisher,
  OpenRtbSite,
  OpenRtbVideo,
} from '../openrtb/types.ts'
import { type Check, fields, listOf, number, oneOf, openRtb, text, wholeNumber } from './data-file-checks.ts'
import type { Fail, Node } from './data-file-tree.ts'
import { type StoredSettings, settingsOf, settingsText } from './supply-settings.ts'
import type { AuctionType, SupplySettings } from './types.ts'

export interface SupplyEntry {
  /** Not looked at yet. */
  readonly bidders: readonly Node[]
  /** Undefined where all is as by default. */
  readonly settings: SupplySettings | undefined
}

/** How a supply sells, as JSON in UTF-8. */
export const MAX_SETTINGS_BYTES = 8192
/** In units. */
export const MAX_FLOOR = 1_000_000

/**
 * Reads what a data file says of a supply, where that is an object.
 * @param known settings by how they are stored: those that are the same are one object
 */
export function readSupply(entry: Node, fail: Fail, known: Map<string, SupplySettings>): SupplyEntry {
  const { bidders, ...stored } = readFields(entry, fail)
  if (bidders === undefined) return fail(entry, 'is missing', 'bidders')
  if (stored.site && stored.app) return fail(entry, 'has a site and an app; choose one')
  const settings = settingsOf(stored)
  const asStored = settingsText(settings)
  if (asStored === undefined) return { bidders, settings: undefined }
  const bytes = Buffer.byteLength(asStored)
  if (bytes > MAX_SETTINGS_BYTES) {
    return fail(
      entry,
      `is too large: all but its bidders has at most ${MAX_SETTINGS_BYTES} bytes as JSON, this ${bytes}`,
    )
  }
  const same = known.get(asStored)
  if (same === undefined) known.set(asStored, settings)
  return { bidders, settings: same ?? settings }
}

const size = wholeNumber(1)
const anyText = text('a text')
const SIZES = { w: size, h: size, wmax: size, hmax: size, wmin: size, hmin: size, wratio: size, hratio: size }

const readFormat = openRtb<OpenRtbFormat>(SIZES)
const format: Check<OpenRtbFormat> = (node, fail) => {
  const read = readFormat(node, fail)
  return read.w === undefined || read.h === undefined ? fail(node, 'needs w and h') : read
}

const readBanner = openRtb<OpenRtbBanner>({ ...SIZES, format: listOf('sizes such as {"w": 300, "h": 250}', format, 1) })
const banner: Check<OpenRtbBanner> = (node, fail) => {
  const read = readBanner(node, fail)
  const hasSize = read.format !== undefined || (read.w !== undefined && read.h !== undefined)
  return hasSize ? read : fail(node, 'needs a size: w and h, or format, a list of such')
}

const readVideo = openRtb<OpenRtbVideo>({
  ...SIZES,
  mimes: listOf('types such as "video/mp4"', text('a type such as "video/mp4"', spacesProblem), 1),
})
const video: Check<OpenRtbVideo> = (node, fail) => {
  const { mimes, ...others } = readVideo(node, fail)
  return mimes === undefined ? fail(node, 'is missing; list types such as "video/mp4"', 'mimes') : { mimes, ...others }
}

const readNative = openRtb<OpenRtbNative>({ request: text('the native request, as JSON in a text', jsonProblem) })
const native: Check<OpenRtbNative> = (node, fail) => {
  const { request, ...others } = readNative(node, fail)
  if (request === undefined) return fail(node, 'is missing; put the native request there, as JSON in a text', 'request')
  return { request, ...others }
}

const readImpression = fields<Impression>('an impression', { banner, video, native })
const impression: Check<Impression> = (node, fail) => {
  const read = readImpression(node, fail)
  return Object.keys(read).length === 0 ? fail(node, 'is empty; put a banner, a video or a native into it') : read
}

const NAMES = { id: anyText, name: anyText, domain: anyText }
const publisher = openRtb<OpenRtbPublisher>(NAMES)

const readFields = fields<StoredSettings & { readonly bidders: readonly Node[] }>('a supply', {
  bidders: listOf('bidder ids', (node) => node),
  floor: number(0, MAX_FLOOR),
  auctionType: oneOf<AuctionType>('FIRST_PRICE', 'SECOND_PRICE'),
  impression,
  site: openRtb<OpenRtbSite>({ ...NAMES, page: anyText, publisher }),
  app: openRtb<OpenRtbApp>({ ...NAMES, bundle: anyText, publisher }),
  blockedCategories: listOf('categories such as "IAB25"', text('a category such as "IAB25"', spacesProblem)),
  blockedAdvertisers: listOf('domains such as "ads.example"', (node, fail) => domain(node, fail).toLowerCase()),
})

const domain = text('a domain such as "ads.example"', (value) =>
  /^[^\s/:@]+$/.test(value) ? undefined : 'must be a domain alone, such as "ads.example"',
)

function spacesProblem(value: string): string | undefined {
  return /^\S+$/.test(value) ? undefined : 'must not be empty, nor have white space'
}

function jsonProblem(value: string): string | undefined {
  try {
    JSON.parse(value)
    return undefined
  } catch {
    return 'must be the native request as JSON'
  }
}
