-- CreateTable
CREATE TABLE "catalog_revision" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "revision" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "catalog_revision_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "catalog_revision_one_row" CHECK ("id" = 1)
);

-- The one row.
INSERT INTO "catalog_revision" DEFAULT VALUES;
