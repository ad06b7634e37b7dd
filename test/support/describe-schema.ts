import { query } from './postgres.ts'

/** Everything that the migrations make, as PostgreSQL describes it, and the rows they insert. */
export async function describeSchema(url: string): Promise<unknown> {
  const columns = await query(
    url,
    `SELECT c.table_name, c.column_name, c.ordinal_position, c.data_type, c.character_maximum_length, c.is_nullable,
            c.column_default, c.collation_name
     FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name <> '_prisma_migrations'
     ORDER BY 1, 3`,
  )
  const indexes = await query(
    url,
    `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1`,
  )
  // NOT NULL is among the columns; it is a constraint of its own from PostgreSQL 18 on.
  const constraints = await query(
    url,
    `SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid::regclass::text <> '_prisma_migrations'
     ORDER BY 1, 2`,
  )
  const other = await query(
    url,
    `SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i')
     ORDER BY 1`,
  )
  return { columns, indexes, constraints, other }
}
