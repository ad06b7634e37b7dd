-- DropIndex
DROP INDEX "supply_bidder_bidder_id_supply_id_idx";

-- CreateIndex
CREATE INDEX "supply_bidder_bidder_id_idx" ON "supply_bidder"("bidder_id");
