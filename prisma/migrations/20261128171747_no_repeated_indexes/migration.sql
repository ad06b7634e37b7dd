-- Each repeats the beginning of another: of bidders(country, id), and of supply_bidder's key. They cost every load their making.

-- DropIndex
DROP INDEX "bidders_country_idx";

-- DropIndex
DROP INDEX "supply_bidder_supply_id_idx";
