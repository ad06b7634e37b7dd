import type { RequestDetails } from '../types.ts'

/**
 * Whether bidders may be told who the user is: not where it is a child (COPPA), nor where the GDPR applies and the user has
 * not consented to anything being stored about it.
 */
export function mayIdentifyUser({ regs, user }: Pick<RequestDetails, 'regs' | 'user'>): boolean {
  if (regs === undefined) return true
  // Earlier versions of OpenRTB have both under `ext`, and many still send them there.
  const isUnderGdpr = isSet(regs.gdpr) || isSet(regs.ext?.gdpr) || hasTcfSection(regs.gpp_sid)
  if (isSet(regs.coppa)) return false
  return !isUnderGdpr || consentsToStorage(user?.consent ?? extOf(user).consent)
}

/**
 * Whether a consent string of the TCF (version 2) grants its purpose 1, to store and access information on a device,
 * without which no other purpose can be had. What cannot be read grants nothing.
 * https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework, "TC string format"
 */
export function consentsToStorage(consent: unknown): boolean {
  if (typeof consent !== 'string') return false
  const core = Buffer.from(consent.slice(0, CORE_CHARACTERS_MAX).split('.', 1)[0] as string, 'base64url')
  const version = (core[0] ?? 0) >> 2
  const purposes = core[PURPOSE_1_BIT >> 3] ?? 0
  return version === TCF_VERSION && (purposes & (0x80 >> (PURPOSE_1_BIT & 7))) !== 0
}

/** Whoever writes a flag otherwise than as 1, such as "1", does not mean that a law does not hold. */
function isSet(flag: unknown): boolean {
  return flag !== undefined && flag !== null && flag !== 0 && flag !== false
}

/** Whether the sections of a GPP string that hold have the one of the GDPR, as where a request has no `gdpr` beside. */
function hasTcfSection(sections: unknown): boolean {
  return Array.isArray(sections) && sections.includes(GPP_TCF_SECTION)
}

function extOf(user: RequestDetails['user']): { readonly consent?: unknown } {
  const ext = user?.ext
  return typeof ext === 'object' && ext !== null ? ext : {}
}

const TCF_VERSION = 2
/** "EU TCF v2" among the section ids of the Global Privacy Platform. */
const GPP_TCF_SECTION = 2
/** Before the purposes: version 6, two times 36, CMP 12 and 12, screen 6, language 12, list 12, policy 6, flags 2, features 12. */
const PURPOSE_1_BIT = 152
/** What is read of it; the lists of vendors come behind. */
const CORE_CHARACTERS_MAX = 64
