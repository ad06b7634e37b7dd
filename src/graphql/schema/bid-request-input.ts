import type { RequestDetails } from '../../bidders/types.ts'
import { builder } from '../builder.ts'
import { badUserInput } from '../errors.ts'

// What `runAuction` may be told for bidders that are asked over HTTP. Fields have the names and meaning of OpenRTB 2.6;
// what is 0 or 1 there is a Boolean.

const GeoInput = builder.inputType('GeoInput', {
  description: "Where the user is, as OpenRTB's Geo has it; the country is the auction's.",
  fields: (t) => ({
    lat: t.float({ description: 'Degrees, -90 to 90.' }),
    lon: t.float({ description: 'Degrees, -180 to 180.' }),
    type: t.int({ description: 'Where it is known from. 1: GPS, 2: the address, 3: the user.' }),
    region: t.string({ description: 'ISO 3166-2.' }),
    metro: t.string(),
    city: t.string({ description: 'UN/LOCODE.' }),
    zip: t.string(),
    utcoffset: t.int({ description: 'Minutes.' }),
  }),
})

const DeviceInput = builder.inputType('DeviceInput', {
  description: "The user's device, as OpenRTB's Device has it; the address is the input's.",
  fields: (t) => ({
    ua: t.string({ description: 'User-Agent.' }),
    dnt: t.boolean({ description: 'Do not track.' }),
    lmt: t.boolean({ description: 'Limit ad tracking.' }),
    devicetype: t.int(),
    make: t.string(),
    model: t.string(),
    os: t.string(),
    osv: t.string(),
    h: t.int(),
    w: t.int(),
    ppi: t.int(),
    pxratio: t.float(),
    js: t.boolean(),
    language: t.string({ description: 'ISO 639-1.' }),
    carrier: t.string(),
    connectiontype: t.int(),
    ifa: t.string({ description: 'The id for advertisers.' }),
    geo: t.field({ type: GeoInput }),
  }),
})

const UserInput = builder.inputType('UserInput', {
  description: "The user, as OpenRTB's User has it.",
  fields: (t) => ({
    id: t.string(),
    buyeruid: t.string(),
    yob: t.int(),
    gender: t.string(),
    keywords: t.string(),
    customdata: t.string(),
    consent: t.string({
      description: 'The consent string of the TCF; without it, bidders are told no ids where GDPR applies.',
    }),
  }),
})

const PublisherInput = builder.inputType('PublisherInput', {
  fields: (t) => ({ id: t.string(), name: t.string(), domain: t.string(), cat: t.stringList() }),
})

const SiteInput = builder.inputType('SiteInput', {
  description: "The page, as OpenRTB's Site has it; what it says goes before what the catalogue says.",
  fields: (t) => ({
    id: t.string(),
    name: t.string(),
    domain: t.string(),
    page: t.string({ description: 'The URL.' }),
    ref: t.string({ description: 'The URL of the page before.' }),
    search: t.string(),
    mobile: t.boolean(),
    cat: t.stringList(),
    sectioncat: t.stringList(),
    pagecat: t.stringList(),
    keywords: t.string(),
    publisher: t.field({ type: PublisherInput }),
  }),
})

const AppInput = builder.inputType('AppInput', {
  description: "The app, as OpenRTB's App has it; what it says goes before what the catalogue says.",
  fields: (t) => ({
    id: t.string(),
    name: t.string(),
    bundle: t.string(),
    domain: t.string(),
    storeurl: t.string(),
    ver: t.string(),
    paid: t.boolean(),
    cat: t.stringList(),
    keywords: t.string(),
    publisher: t.field({ type: PublisherInput }),
  }),
})

const RegsInput = builder.inputType('RegsInput', {
  description: "What the law says of this user, as OpenRTB's Regs has it.",
  fields: (t) => ({
    coppa: t.boolean({ description: 'For children: no ids and no precise data go out.' }),
    gdpr: t.boolean(),
    us_privacy: t.string(),
    gpp: t.string(),
    gpp_sid: t.intList(),
  }),
})

/** The fields of `runAuction`'s input that are read by `toRequestDetails`. */
export const DETAIL_INPUTS = { site: SiteInput, app: AppInput, device: DeviceInput, user: UserInput, regs: RegsInput }

export interface DetailsInput {
  readonly site?: object | null | undefined
  readonly app?: object | null | undefined
  readonly device?: object | null | undefined
  readonly user?: object | null | undefined
  readonly regs?: object | null | undefined
  readonly test?: boolean | null | undefined
}

/** Undefined where nothing is said, as in most requests. */
export function toRequestDetails({ site, app, device, user, regs, test }: DetailsInput): RequestDetails | undefined {
  if (!site && !app && !device && !user && !regs && !test) return undefined
  if (site && app) throw badUserInput('An impression is of a site or of an app: leave one of the two out.')
  return {
    ...(site && { site: toOpenRtb(site) }),
    ...(app && { app: toOpenRtb(app) }),
    ...(device && { device: toOpenRtb(device) }),
    ...(user && { user: toOpenRtb(user) }),
    ...(regs && { regs: toOpenRtb(regs) }),
    ...(test && { isTest: true }),
  }
}

/** Without what is null, and flags as 0 or 1. */
function toOpenRtb(input: object): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input)) {
    if (value === null || value === undefined) continue
    if (typeof value === 'boolean') fields[name] = value ? 1 : 0
    else fields[name] = typeof value === 'object' && !Array.isArray(value) ? toOpenRtb(value) : value
  }
  return fields
}
