-- Why an answer was no bid that could be taken, and why a bidder was not asked. The statement reads no row.

-- Of each bidder its code, of which src/bidders/reasons.ts is the list, 0 where there is none; null where none has one.
ALTER TABLE "auction_log" ADD COLUMN "reasons" SMALLINT[];

-- What was neither a bid nor a refusal is an error; a bidder that was skipped was not asked, and has no event.
CREATE OR REPLACE VIEW "auction_events" AS
SELECT "started_at" AS "event_time", "supply_id", "country", NULL::TEXT AS "bidder_id", 'request' AS "event_type",
    NULL::NUMERIC AS "price"
FROM "auction_log"
UNION ALL
SELECT "started_at", "supply_id", "country", "response"."bidder_id",
    CASE "response"."outcome" WHEN 'n' THEN 'no_bid' WHEN 't' THEN 'timeout' WHEN 'e' THEN 'error' ELSE 'bid' END,
    "response"."price_micros" / 1000000.0
FROM "auction_log" LEFT JOIN "auction_log_bidder_sets" USING ("bidder_set_id"),
    unnest(coalesce("bidder_ids", "member_ids"), "outcomes", "prices_micros")
    AS "response" ("bidder_id", "outcome", "price_micros")
WHERE "response"."outcome" <> 's'
UNION ALL
SELECT "started_at", "supply_id", "country", "winner_id", 'win', "price_micros" / 1000000.0
FROM "auction_log"
WHERE "winner_id" IS NOT NULL;
