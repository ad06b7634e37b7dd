-- Drops every notice that was not sent yet, and what publishers have confirmed.
DROP TABLE "auction_notices";
DROP TABLE "auction_confirmations";
DROP TABLE "auction_notices_given_up";
