-- Is there a day ledger in this store? Grain: one row or none.
SELECT table_name FROM duckdb_tables()
WHERE table_name = 'ledger_state' AND database_name = current_database() AND NOT temporary;
