-- About how many prices and probes are stored? Grain: one row. Columns: rows, as the database estimates them.
SELECT coalesce(sum(estimated_size), 0)::BIGINT AS rows FROM duckdb_tables()
WHERE database_name = current_database() AND NOT temporary AND table_name IN ('price_change', 'probe_seen');
