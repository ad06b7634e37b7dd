DROP VIEW "supply_stats_daily";
DROP VIEW "bidder_stats_daily";

-- AlterTable
ALTER TABLE "supply_stats_hourly" DROP COLUMN "errors",
DROP COLUMN "skipped";

-- AlterTable
ALTER TABLE "bidder_stats_hourly" DROP COLUMN "errors",
DROP COLUMN "skipped";

-- AlterTable
ALTER TABLE "exchange_stats_hourly" DROP COLUMN "errors",
DROP COLUMN "skipped";

-- AlterTable
ALTER TABLE "exchange_bidder_stats_hourly" DROP COLUMN "errors",
DROP COLUMN "skipped";

CREATE VIEW "supply_stats_daily" AS
SELECT "supply_id", ("hour" AT TIME ZONE 'UTC')::DATE AS "day", "country", sum("requests")::BIGINT AS "requests",
    sum("sold")::BIGINT AS "sold", sum("bids")::BIGINT AS "bids", sum("no_bids")::BIGINT AS "no_bids",
    sum("timeouts")::BIGINT AS "timeouts", sum("revenue_micros")::BIGINT AS "revenue_micros"
FROM "supply_stats_hourly"
GROUP BY 1, 2, 3;

CREATE VIEW "bidder_stats_daily" AS
SELECT "supply_id", ("hour" AT TIME ZONE 'UTC')::DATE AS "day", "bidder_id", max("country") AS "country",
    sum("asked")::BIGINT AS "asked", sum("wins")::BIGINT AS "wins", sum("losses")::BIGINT AS "losses",
    sum("no_bids")::BIGINT AS "no_bids", sum("timeouts")::BIGINT AS "timeouts",
    sum("revenue_micros")::BIGINT AS "revenue_micros", sum("bids_micros")::BIGINT AS "bids_micros"
FROM "bidder_stats_hourly"
GROUP BY 1, 2, 3;
