-- Who was asked took a third of a row of the auction log, and hardly differs between a supply's auctions of a country: so
-- it is kept once, and new rows name it. Rows that are there keep their bidders, since to write millions of them again
-- would take hours and twice the room; they leave with their days. A set that few auctions have is in their rows still.

-- CreateTable
CREATE TABLE "auction_log_bidder_sets" (
    -- By the ids themselves: every writer gives a set the same one.
    "bidder_set_id" UUID NOT NULL,
    "member_ids" TEXT[],

    CONSTRAINT "auction_log_bidder_sets_pkey" PRIMARY KEY ("bidder_set_id")
);

-- Of each row one of the two is null. Neither statement reads a row.
ALTER TABLE "auction_log" ADD COLUMN "bidder_set_id" UUID;
ALTER TABLE "auction_log" ALTER COLUMN "bidder_ids" DROP NOT NULL;

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
