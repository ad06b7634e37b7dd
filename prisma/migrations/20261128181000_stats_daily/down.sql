DROP VIEW "supply_stats_daily";
DROP VIEW "bidder_stats_daily";
