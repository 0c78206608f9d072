-- Which tables does the file hold? Grain: one row per table of the main schema.
SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal AND NOT temporary;
