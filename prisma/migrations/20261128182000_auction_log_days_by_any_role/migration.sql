-- A service's role need not own the log to have its days made: whoever migrated does. What the function names is looked
-- up where it was when this ran, not where its caller says.
ALTER FUNCTION auction_log_make_days(DATE, INT) SECURITY DEFINER SET search_path FROM CURRENT;
