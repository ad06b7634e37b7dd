-- DropTable
DROP TABLE "public"."catalog_revision";
