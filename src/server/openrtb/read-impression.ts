import { isObject } from '../../is-object.ts'
import type { Impression } from '../../openrtb/types.ts'
import { BidRequestError, type Json, optionalObject, text, texts } from './checks.ts'

/**
 * What an impression of a bid request offers to show; undefined where it leaves that to the catalogue. What all bidders
 * go by is looked at: they would refuse it one after the other, and seem to fail. All else passes through.
 * @throws BidRequestError
 */
export function impressionOf(imp: Json, path: string): Impression | undefined {
  const banner = optionalObject(imp.banner, `${path}.banner`)
  const video = optionalObject(imp.video, `${path}.video`)
  const native = optionalObject(imp.native, `${path}.native`)
  if (banner) checkBanner(banner, `${path}.banner`)
  if (video) checkVideo(video, `${path}.video`)
  if (native) text(native.request, `${path}.native.request`)
  if (!banner && !video && !native) return undefined
  return { ...(banner && { banner }), ...(video && { video }), ...(native && { native }) } as Impression
}

function checkBanner(banner: Json, path: string): void {
  checkSize(banner, path)
  const { format = [] } = banner
  if (!Array.isArray(format)) throw new BidRequestError(`${path}.format must be a list of sizes.`)
  format.forEach((size: unknown, index) => {
    if (!isObject(size)) throw new BidRequestError(`${path}.format[${index}] must be an object.`)
    checkSize(size, `${path}.format[${index}]`)
  })
}

function checkVideo(video: Json, path: string): void {
  checkSize(video, path)
  if (texts(video.mimes, `${path}.mimes`).length === 0) {
    throw new BidRequestError(`${path}.mimes must be a list of one type or more, such as "video/mp4".`)
  }
}

function checkSize(of: Json, path: string): void {
  for (const side of ['w', 'h'] as const) {
    const pixels = of[side]
    if (pixels === undefined || (Number.isSafeInteger(pixels) && (pixels as number) >= 0)) continue
    throw new BidRequestError(`${path}.${side} must be a whole number of pixels.`)
  }
}
