/** What a bidder is told of its bid: that it has won, that it has lost, that the ad was shown and is billed. */
export type NoticeKind = 'WIN' | 'LOSS' | 'BILLING'

/** A bidder's URL that is to be called, its macros replaced. */
export interface Notice {
  readonly bidderId: string
  readonly kind: NoticeKind
  readonly url: string
}
