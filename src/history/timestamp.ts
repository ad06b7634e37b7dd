import { Prisma } from '../generated/prisma/client.ts'

/** A time in SQL, from milliseconds since 1970: also one of years that PostgreSQL's own text has another form for. */
export function timestamp(ms: number): Prisma.Sql {
  return Prisma.sql`to_timestamp(${ms / 1000}::float8)`
}
