-- DropTable
DROP TABLE "public"."catalog_changes";
