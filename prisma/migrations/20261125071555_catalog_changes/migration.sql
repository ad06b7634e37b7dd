-- What loads have changed, so that running services read that alone.

-- CreateTable
CREATE TABLE "catalog_changes" (
    "revision" BIGINT NOT NULL,
    "mark" UUID NOT NULL,
    "follows" UUID,
    "is_whole" BOOLEAN NOT NULL,
    "supply_ids" TEXT[],
    "bidder_ids" TEXT[],

    CONSTRAINT "catalog_changes_pkey" PRIMARY KEY ("revision")
);
