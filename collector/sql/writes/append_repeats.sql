-- Take up repeats that move no stored row. Input: `repeats`, columns as `changes`.
-- Leaves the temporary table `judged` for merge_passes.sql.
CREATE OR REPLACE TEMP TABLE judged AS
SELECT series_no, effective_at, observed_at, true AS is_repeat FROM repeats;
