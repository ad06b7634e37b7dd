-- Drops every auction that was logged, and the statistics of each hour.
DROP VIEW "auction_events";
DROP TABLE "auction_log";
DROP FUNCTION auction_log_make_days(DATE, INT);
DROP TABLE "auction_log_writers";
DROP TABLE "auction_log_given_up";
DROP TABLE "supply_stats_hourly";
DROP TABLE "bidder_stats_hourly";
DROP TABLE "exchange_stats_hourly";
DROP TABLE "exchange_bidder_stats_hourly";
