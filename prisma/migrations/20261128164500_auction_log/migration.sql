-- The auction log: a row for each auction, partitioned by day, and the statistics of each hour that are added up from it.

CREATE TABLE "auction_log" (
    -- The time that the id has in it, so that an id tells its partition.
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "id" UUID NOT NULL,
    "supply_id" VARCHAR(128) NOT NULL,
    "country" CHAR(2) NOT NULL,
    "tmax_ms" SMALLINT NOT NULL,
    "winner_id" VARCHAR(128),
    -- What the winner pays, in millionths.
    "price_micros" BIGINT NOT NULL,
    "duration_ms" REAL NOT NULL,
    -- One of each for each bidder that was asked, by bidder id: w(on), l(ost), n(o bid), t(imed out).
    "bidder_ids" TEXT[] NOT NULL,
    "outcomes" "char"[] NOT NULL,
    "prices_micros" BIGINT[] NOT NULL,
    "latencies_ms" REAL[] NOT NULL
) PARTITION BY RANGE ("started_at");

CREATE INDEX "auction_log_started_at_idx" ON "auction_log" ("started_at" DESC);
CREATE INDEX "auction_log_supply_id_started_at_idx" ON "auction_log" ("supply_id", "started_at" DESC);

-- What belongs to no day that there is a partition for.
CREATE TABLE "auction_log_default" PARTITION OF "auction_log" DEFAULT;

-- Makes the partitions of so many days of UTC, where they are missing, and gives them what the default partition has of
-- them. Returns how many it made.
CREATE FUNCTION auction_log_make_days("first" DATE, "count" INT) RETURNS INT LANGUAGE plpgsql AS $$
DECLARE
    made INT := 0;
    day DATE;
    name TEXT;
    lower_bound TIMESTAMPTZ;
    upper_bound TIMESTAMPTZ;
BEGIN
    FOR day IN SELECT "first" + n FROM generate_series(0, "count" - 1) AS n LOOP
        name := 'auction_log_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        -- One at a time; whoever waited looks again.
        PERFORM pg_advisory_xact_lock(hashtext('auction_log_make_days'));
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        lower_bound := day::TIMESTAMP AT TIME ZONE 'UTC';
        upper_bound := (day + 1)::TIMESTAMP AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE %I (LIKE auction_log INCLUDING DEFAULTS)', name);
        EXECUTE format(
            'WITH strays AS (DELETE FROM auction_log_default WHERE started_at >= %L AND started_at < %L RETURNING *)
             INSERT INTO %I SELECT * FROM strays', lower_bound, upper_bound, name);
        EXECUTE format(
            'ALTER TABLE auction_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, lower_bound, upper_bound);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

SELECT auction_log_make_days((now() AT TIME ZONE 'UTC')::DATE, 8);

-- One row for each event: a request, then what each bidder that was asked answered, and the win.
CREATE VIEW "auction_events" AS
SELECT "started_at" AS "event_time", "supply_id", "country", NULL::TEXT AS "bidder_id", 'request' AS "event_type",
    NULL::NUMERIC AS "price"
FROM "auction_log"
UNION ALL
SELECT "started_at", "supply_id", "country", "response"."bidder_id",
    CASE "response"."outcome" WHEN 'n' THEN 'no_bid' WHEN 't' THEN 'timeout' ELSE 'bid' END,
    "response"."price_micros" / 1000000.0
FROM "auction_log",
    unnest("bidder_ids", "outcomes", "prices_micros") AS "response" ("bidder_id", "outcome", "price_micros")
UNION ALL
SELECT "started_at", "supply_id", "country", "winner_id", 'win', "price_micros" / 1000000.0
FROM "auction_log"
WHERE "winner_id" IS NOT NULL;

-- Which batch of each writer came last, so that one that is written twice counts once.
CREATE TABLE "auction_log_writers" (
    "writer" TEXT NOT NULL,
    "position" TEXT NOT NULL,
    "written_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "auction_log_writers_pkey" PRIMARY KEY ("writer")
);

-- Rows that were given up, since the database was away for too long; what they counted is in the rollups all the same.
CREATE TABLE "auction_log_given_up" (
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "rows" BIGINT NOT NULL,

    CONSTRAINT "auction_log_given_up_pkey" PRIMARY KEY ("hour")
);

CREATE TABLE "supply_stats_hourly" (
    "supply_id" VARCHAR(128) NOT NULL,
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "country" CHAR(2) NOT NULL,
    "requests" BIGINT NOT NULL,
    "sold" BIGINT NOT NULL,
    "bids" BIGINT NOT NULL,
    "no_bids" BIGINT NOT NULL,
    "timeouts" BIGINT NOT NULL,
    "revenue_micros" BIGINT NOT NULL,

    CONSTRAINT "supply_stats_hourly_pkey" PRIMARY KEY ("supply_id", "hour", "country")
) WITH (fillfactor = 70);

CREATE TABLE "bidder_stats_hourly" (
    "supply_id" VARCHAR(128) NOT NULL,
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "bidder_id" VARCHAR(128) NOT NULL,
    -- The bidder's.
    "country" CHAR(2) NOT NULL,
    "asked" BIGINT NOT NULL,
    "wins" BIGINT NOT NULL,
    "losses" BIGINT NOT NULL,
    "no_bids" BIGINT NOT NULL,
    "timeouts" BIGINT NOT NULL,
    "revenue_micros" BIGINT NOT NULL,
    "bids_micros" BIGINT NOT NULL,

    CONSTRAINT "bidder_stats_hourly_pkey" PRIMARY KEY ("supply_id", "hour", "bidder_id")
) WITH (fillfactor = 70);

-- The same of all supplies together: a question about all of them needs not read the rows of each.

CREATE TABLE "exchange_stats_hourly" (
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "country" CHAR(2) NOT NULL,
    "requests" BIGINT NOT NULL,
    "sold" BIGINT NOT NULL,
    "bids" BIGINT NOT NULL,
    "no_bids" BIGINT NOT NULL,
    "timeouts" BIGINT NOT NULL,
    "revenue_micros" BIGINT NOT NULL,

    CONSTRAINT "exchange_stats_hourly_pkey" PRIMARY KEY ("hour", "country")
) WITH (fillfactor = 70);

CREATE TABLE "exchange_bidder_stats_hourly" (
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "bidder_id" VARCHAR(128) NOT NULL,
    "country" CHAR(2) NOT NULL,
    "asked" BIGINT NOT NULL,
    "wins" BIGINT NOT NULL,
    "losses" BIGINT NOT NULL,
    "no_bids" BIGINT NOT NULL,
    "timeouts" BIGINT NOT NULL,
    "revenue_micros" BIGINT NOT NULL,
    "bids_micros" BIGINT NOT NULL,

    CONSTRAINT "exchange_bidder_stats_hourly_pkey" PRIMARY KEY ("hour", "bidder_id")
) WITH (fillfactor = 70);
