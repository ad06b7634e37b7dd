ALTER FUNCTION auction_log_make_days(DATE, INT) SECURITY INVOKER RESET search_path;
