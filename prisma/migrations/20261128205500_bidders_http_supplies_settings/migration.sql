-- AlterTable
ALTER TABLE "bidders" ADD COLUMN "http" JSONB;

-- AlterTable
ALTER TABLE "supplies" ADD COLUMN "settings" JSONB;
