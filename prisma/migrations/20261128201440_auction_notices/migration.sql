-- Bidders' URLs that are still to be called. A row that is done with, sent or given up, is deleted.
CREATE TABLE "auction_notices" (
    "auction_id" UUID NOT NULL,
    "bidder_id" VARCHAR(128) NOT NULL,
    -- WIN, LOSS, BILLING
    "kind" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    -- When to try it, next; null while nobody has confirmed that the ad was shown.
    "due_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    -- Set when it is first tried.
    "give_up_at" TIMESTAMPTZ(3),

    CONSTRAINT "auction_notices_pkey" PRIMARY KEY ("auction_id","bidder_id","kind")
);

CREATE INDEX "auction_notices_due_at_idx" ON "auction_notices"("due_at");

-- Ads that were shown, as their publishers say, once for each auction.
CREATE TABLE "auction_confirmations" (
    "auction_id" UUID NOT NULL,
    "confirmed_at" TIMESTAMPTZ(3) NOT NULL,
    -- False until the auction is in the log, and its notice with it.
    "is_settled" BOOLEAN NOT NULL,

    CONSTRAINT "auction_confirmations_pkey" PRIMARY KEY ("auction_id")
);

CREATE INDEX "auction_confirmations_is_settled_auction_id_idx" ON "auction_confirmations"("is_settled", "auction_id");

-- How many notices to each bidder were given up.
CREATE TABLE "auction_notices_given_up" (
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "bidder_id" VARCHAR(128) NOT NULL,
    "notices" BIGINT NOT NULL,

    CONSTRAINT "auction_notices_given_up_pkey" PRIMARY KEY ("hour","bidder_id")
);
