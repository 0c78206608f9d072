-- Write one table to a Parquet file, in the order in which its rows were stored.
-- $table and $path are put in as quoted text, since COPY takes no parameters. Without a temporary
-- file of the database's own, for a kill or a full disk would leave that under a name nobody looks for.
-- Answer: one row, the number of rows written.
COPY (FROM $table) TO $path (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false);
