import type pg from 'pg'

/** Tables of a load's own that name what it changes. */
export const CREATE_CHANGED = `
  CREATE TEMP TABLE changed_bidders (id varchar(128) COLLATE "C") ON COMMIT DROP;
  CREATE TEMP TABLE removed_supplies (id varchar(128) COLLATE "C") ON COMMIT DROP`

/** How many changes are kept: so far may a running service be behind before it reads the whole. */
export const CHANGES_KEPT = 100
/** The most supplies and bidders of a change that are named, and the most that a running service reads one by one. */
export const MAX_CHANGED_IDS = 20_000

/**
 * Raises the revision, and writes down what the load has changed. It follows the change before it only where that one
 * has made the revision before: somebody else's change, such as an older version's, is a gap.
 */
export async function recordChange(client: pg.Client): Promise<void> {
  await client.query(RECORD)
}

const RECORD = `
  UPDATE catalog_revision SET revision = revision + 1 WHERE id = 1;
  DELETE FROM catalog_changes AS change USING catalog_revision AS newest
  WHERE change.revision >= newest.revision OR change.revision <= newest.revision - ${CHANGES_KEPT};
  INSERT INTO catalog_changes (revision, mark, follows, is_whole, supply_ids, bidder_ids)
  SELECT
    revision, gen_random_uuid(),
    (SELECT mark FROM catalog_changes AS change WHERE change.revision = catalog_revision.revision - 1),
    size > ${MAX_CHANGED_IDS},
    CASE WHEN size <= ${MAX_CHANGED_IDS}
      THEN ARRAY(SELECT id FROM changed_supplies UNION ALL SELECT id FROM removed_supplies) ELSE '{}' END,
    CASE WHEN size <= ${MAX_CHANGED_IDS} THEN ARRAY(SELECT id FROM changed_bidders) ELSE '{}' END
  FROM catalog_revision, (
    SELECT (SELECT count(*) FROM changed_supplies) + (SELECT count(*) FROM removed_supplies)
      + (SELECT count(*) FROM changed_bidders) AS size
  ) AS changed`
