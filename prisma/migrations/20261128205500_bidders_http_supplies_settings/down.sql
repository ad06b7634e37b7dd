-- AlterTable
ALTER TABLE "supplies" DROP COLUMN "settings";

-- AlterTable
ALTER TABLE "bidders" DROP COLUMN "http";
