import { describe, expect, it } from 'vitest'
import { toRequestDetails } from '../../src/graphql/schema/bid-request-input.ts'

describe('toRequestDetails', () => {
  it('should be undefined where nothing is said', () => {
    expect(toRequestDetails({})).toBeUndefined()
    expect(
      toRequestDetails({ site: null, app: null, device: null, user: null, regs: null, test: false }),
    ).toBeUndefined()
  })

  it('should have flags as 0 and 1, leave out what is null, and everything else as it was given', () => {
    expect(
      toRequestDetails({
        site: { page: 'https://news.example/a', cat: ['IAB12'], mobile: true, publisher: { id: 'p1', name: null } },
        device: { ua: 'Mozilla/5.0', dnt: false, h: 800, geo: { lat: 52.5, region: null } },
        user: { id: 'u1', buyeruid: null },
        regs: { coppa: true, gdpr: false, gpp_sid: [7] },
        test: true,
      }),
    ).toEqual({
      site: { page: 'https://news.example/a', cat: ['IAB12'], mobile: 1, publisher: { id: 'p1' } },
      device: { ua: 'Mozilla/5.0', dnt: 0, h: 800, geo: { lat: 52.5 } },
      user: { id: 'u1' },
      regs: { coppa: 1, gdpr: 0, gpp_sid: [7] },
      isTest: true,
    })
  })

  it('should refuse a site beside an app', () => {
    expect(() => toRequestDetails({ site: {}, app: {} })).toThrow('leave one of the two out')
  })
})
