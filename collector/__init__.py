"""The only room that talks to clouds and the only one that holds SQL and a DuckDB connection."""
