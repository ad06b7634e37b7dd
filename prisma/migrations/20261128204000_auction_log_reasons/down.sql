CREATE OR REPLACE VIEW "auction_events" AS
SELECT "started_at" AS "event_time", "supply_id", "country", NULL::TEXT AS "bidder_id", 'request' AS "event_type",
    NULL::NUMERIC AS "price"
FROM "auction_log"
UNION ALL
SELECT "started_at", "supply_id", "country", "response"."bidder_id",
    CASE "response"."outcome" WHEN 'n' THEN 'no_bid' WHEN 't' THEN 'timeout' ELSE 'bid' END,
    "response"."price_micros" / 1000000.0
FROM "auction_log" LEFT JOIN "auction_log_bidder_sets" USING ("bidder_set_id"),
    unnest(coalesce("bidder_ids", "member_ids"), "outcomes", "prices_micros")
    AS "response" ("bidder_id", "outcome", "price_micros")
UNION ALL
SELECT "started_at", "supply_id", "country", "winner_id", 'win', "price_micros" / 1000000.0
FROM "auction_log"
WHERE "winner_id" IS NOT NULL;

ALTER TABLE "auction_log" DROP COLUMN "reasons";
