-- Write one table to a Parquet file, in the order in which its rows were stored.
-- $table and $path are put in as quoted text, since COPY takes no parameters.
-- Answer: one row, the number of rows written.
COPY (FROM $table) TO $path (FORMAT parquet, COMPRESSION zstd);
