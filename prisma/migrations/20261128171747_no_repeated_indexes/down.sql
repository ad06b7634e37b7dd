-- CreateIndex
CREATE INDEX "bidders_country_idx" ON "bidders"("country");

-- CreateIndex
CREATE INDEX "supply_bidder_supply_id_idx" ON "supply_bidder"("supply_id");
