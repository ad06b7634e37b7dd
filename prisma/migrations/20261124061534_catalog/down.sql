-- DropForeignKey
ALTER TABLE "public"."supply_bidder" DROP CONSTRAINT "supply_bidder_supply_id_fkey";

-- DropForeignKey
ALTER TABLE "public"."supply_bidder" DROP CONSTRAINT "supply_bidder_bidder_id_fkey";

-- DropTable
DROP TABLE "public"."supplies";

-- DropTable
DROP TABLE "public"."bidders";

-- DropTable
DROP TABLE "public"."supply_bidder";
