-- A page of a bidder's supplies, wherever it begins, is read from this alone.

-- DropIndex
DROP INDEX "supply_bidder_bidder_id_idx";

-- CreateIndex
CREATE INDEX "supply_bidder_bidder_id_supply_id_idx" ON "supply_bidder"("bidder_id", "supply_id");
