import type { PrismaClient } from '../generated/prisma/client.ts'

/** For health reports: of all processes together, since any of them may send. */
export interface NoticesStatus {
  /** `down`: notices wait that nobody takes. */
  readonly status: 'up' | 'down'
  /** Notices that are due, up to a number of them. */
  readonly due: number
  /** Notices that were given up in the last 24 hours. */
  readonly givenUp: number
  readonly error?: string
}

export async function readNoticesStatus(prisma: PrismaClient): Promise<NoticesStatus> {
  const [row] = await prisma.$queryRaw<[{ due: number; given_up: number; is_late: boolean | null }]>`
    SELECT
      (SELECT count(*)::int FROM (SELECT FROM auction_notices WHERE due_at <= now() LIMIT ${DUE_MAX}) AS due) AS due,
      (SELECT min(due_at) < now() - ${LATE_AFTER}::interval FROM auction_notices) AS is_late,
      (SELECT coalesce(sum(notices), 0)::float8 FROM auction_notices_given_up
        WHERE hour > now() - interval '1 day') AS given_up`
  const { due, given_up: givenUp, is_late: isLate } = row
  return isLate ? { status: 'down', due, givenUp, error: NOBODY_SENDS } : { status: 'up', due, givenUp }
}

const DUE_MAX = 10_000
/** A notice that has been due for so long is taken by nobody, or too many are before it. */
const LATE_AFTER = '5 minutes'
const NOBODY_SENDS =
  'notices wait for more than 5 minutes: see that an `auction worker` runs, or a service with WORKER=on'
