-- Is an answer kept? Grain: one row or none. Columns: table_name.
SELECT table_name FROM duckdb_tables()
WHERE table_name = 'pool_statistics' AND database_name = current_database() AND NOT temporary;
