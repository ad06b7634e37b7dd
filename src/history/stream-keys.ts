/** Auctions on their way to the database: each entry has the packed auctions of one commit, under `b`. */
export const STREAM_KEY = 'auction-log'
/** The name under which the database knows how far they were written. */
export const STREAM_WRITER = `redis:${STREAM_KEY}`
/** How many bytes of them there are. */
export const STREAM_BYTES_KEY = 'auction-log:bytes'
/** What rows count that were given up, as `countedFields` says. */
export const COUNTED_KEY = 'auction-log:counted'
/** The same, while it is being written into the database. */
export const COUNTED_DRAINING_KEY = 'auction-log:counted:draining'
/** The most bytes of them: more are given up, and only counted. */
export const STREAM_BYTES_MAX = 256 * 1024 * 1024
