/**
 * Tables that migrations make and prisma/schema.prisma does not know, such as `public.auctions`: Prisma takes them for no
 * drift, and writes no migration that drops them. What partitions such a table need not be named: Prisma passes over it.
 */
export const EXTERNAL_TABLES: readonly string[] = ['public.auction_log']
