-- Which tables does the file hold? Grain: one row per table of the main schema.
SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal AND NOT temporary;
