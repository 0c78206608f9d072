-- Read one table back from a Parquet file. $table and $path are put in as quoted text, as in put.sql.
-- Answer: one row, the number of rows read.
INSERT INTO $table BY NAME FROM read_parquet($path);
