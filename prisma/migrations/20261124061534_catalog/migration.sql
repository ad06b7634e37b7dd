-- Ids are ordered by their bytes, whatever the database's locale: Prisma's schema cannot say so, and does not mind.

-- CreateTable
CREATE TABLE "supplies" (
    "id" VARCHAR(128) COLLATE "C" NOT NULL,

    CONSTRAINT "supplies_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "bidders" (
    "id" VARCHAR(128) COLLATE "C" NOT NULL,
    "country" CHAR(2) NOT NULL,

    CONSTRAINT "bidders_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "supply_bidder" (
    "supply_id" VARCHAR(128) COLLATE "C" NOT NULL,
    "bidder_id" VARCHAR(128) COLLATE "C" NOT NULL,

    CONSTRAINT "supply_bidder_pkey" PRIMARY KEY ("supply_id","bidder_id")
);

-- CreateIndex
CREATE INDEX "bidders_country_idx" ON "bidders"("country");

-- CreateIndex
CREATE INDEX "bidders_country_id_idx" ON "bidders"("country", "id");

-- CreateIndex
CREATE INDEX "supply_bidder_supply_id_idx" ON "supply_bidder"("supply_id");

-- CreateIndex
CREATE INDEX "supply_bidder_bidder_id_idx" ON "supply_bidder"("bidder_id");

-- AddForeignKey
ALTER TABLE "supply_bidder" ADD CONSTRAINT "supply_bidder_supply_id_fkey" FOREIGN KEY ("supply_id") REFERENCES "supplies"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "supply_bidder" ADD CONSTRAINT "supply_bidder_bidder_id_fkey" FOREIGN KEY ("bidder_id") REFERENCES "bidders"("id") ON DELETE CASCADE ON UPDATE CASCADE;
