-- Keep an answer of pool_history.sql, whole. Input `incoming`: its columns, with as_of and window_s.
CREATE OR REPLACE TABLE pool_statistics AS FROM incoming;
