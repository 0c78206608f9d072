-- What was added up last? Grain: one row per pool. Columns: those of pool_history.sql, as_of, window_s.
FROM pool_statistics;
