/** What OpenRTB's macros stand for in one notice or in the markup, as text; what is undefined is not told or not known. */
export interface MacroValues {
  readonly AUCTION_ID: string
  readonly AUCTION_BID_ID: string | undefined
  readonly AUCTION_IMP_ID: string
  readonly AUCTION_SEAT_ID: string | undefined
  readonly AUCTION_AD_ID: string | undefined
  readonly AUCTION_PRICE: string | undefined
  readonly AUCTION_CURRENCY: string
  readonly AUCTION_LOSS: string
  readonly AUCTION_MIN_TO_WIN: string | undefined
  readonly AUCTION_MBR: string | undefined
  readonly AUCTION_MULTIPLIER: string | undefined
}

/**
 * Replaces the macros in a URL, such as `${AUCTION_PRICE}`, and `${AUCTION_PRICE:B64}` for the same in Base64, by their
 * values, encoded as a part of a URL. What has no value, and what is not known, is removed, as the specification has it.
 * Where the URL would be longer than URL_LENGTH_MAX, it is cut behind that.
 * https://github.com/InteractiveAdvertisingBureau/openrtb2.x/blob/main/2.6.md#substitutionmacros
 */
export function replaceInUrl(template: string, values: MacroValues): string {
  // A bidder's own names may be long, and be asked for hundreds of times.
  let room = URL_LENGTH_MAX
  const url = template.slice(0, LENGTH_KEPT).replace(MACRO, (_macro, name: string, encoding: string | undefined) => {
    if (room < 0) return ''
    const value = encoded(values[name as keyof MacroValues] ?? '', encoding)
    room -= value.length
    return value
  })
  return url.slice(0, LENGTH_KEPT)
}

/**
 * Replaces OpenRTB's macros in what is shown, which then knows the price that was paid. What else looks like one is
 * JavaScript's, and stays. Where their values are longer than MARKUP_VALUES_MAX together, those that are left are removed.
 */
export function replaceInMarkup(markup: string, values: MacroValues): string {
  if (!markup.includes(MACRO_START)) return markup
  // A bidder's own names may be long, and be asked for ten thousand times.
  let room = MARKUP_VALUES_MAX
  return markup.replace(MACRO, (macro, name: string, encoding: string | undefined) => {
    if (!(name in values)) return macro
    if (room < 0) return ''
    const value = encoded(values[name as keyof MacroValues] ?? '', encoding)
    room -= value.length
    return value
  })
}

/** A notice's URL has so many characters at most; one that is longer is cut behind them, and not sent. */
export const URL_LENGTH_MAX = 8192
/** So many characters of values come into one markup, and what the last one is longer. */
export const MARKUP_VALUES_MAX = 65_536
const MACRO_START = '${AUCTION_'

function encoded(value: string, encoding: string | undefined): string {
  const bytes = Buffer.from(value.slice(0, LENGTH_KEPT))
  // By way of its bytes, since a bidder may have put half a character into its names, which cannot be encoded.
  if (encoding === undefined) return encodeURIComponent(bytes.toString())
  return encoding === BASE64 ? encodeURIComponent(bytes.toString('base64')) : ''
}

const MACRO = /\$\{([A-Z0-9_]+)(?::(\w*))?\}/g
const BASE64 = 'B64'
/** Enough to see that a URL is too long. */
const LENGTH_KEPT = URL_LENGTH_MAX + 1
