-- How often an answer was neither a bid nor a refusal to bid, and how often a bidder was not asked. Earlier versions, which
-- may be writing still, knew neither: the default is theirs, and it is why no statement here writes a row.

-- AlterTable
ALTER TABLE "supply_stats_hourly" ADD COLUMN     "errors" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "skipped" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "bidder_stats_hourly" ADD COLUMN     "errors" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "skipped" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "exchange_stats_hourly" ADD COLUMN     "errors" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "skipped" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "exchange_bidder_stats_hourly" ADD COLUMN     "errors" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "skipped" BIGINT NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW "supply_stats_daily" AS
SELECT "supply_id", ("hour" AT TIME ZONE 'UTC')::DATE AS "day", "country", sum("requests")::BIGINT AS "requests",
    sum("sold")::BIGINT AS "sold", sum("bids")::BIGINT AS "bids", sum("no_bids")::BIGINT AS "no_bids",
    sum("timeouts")::BIGINT AS "timeouts", sum("revenue_micros")::BIGINT AS "revenue_micros",
    sum("errors")::BIGINT AS "errors", sum("skipped")::BIGINT AS "skipped"
FROM "supply_stats_hourly"
GROUP BY 1, 2, 3;

CREATE OR REPLACE VIEW "bidder_stats_daily" AS
SELECT "supply_id", ("hour" AT TIME ZONE 'UTC')::DATE AS "day", "bidder_id", max("country") AS "country",
    sum("asked")::BIGINT AS "asked", sum("wins")::BIGINT AS "wins", sum("losses")::BIGINT AS "losses",
    sum("no_bids")::BIGINT AS "no_bids", sum("timeouts")::BIGINT AS "timeouts",
    sum("revenue_micros")::BIGINT AS "revenue_micros", sum("bids_micros")::BIGINT AS "bids_micros",
    sum("errors")::BIGINT AS "errors", sum("skipped")::BIGINT AS "skipped"
FROM "bidder_stats_hourly"
GROUP BY 1, 2, 3;
