-- From when until when do fresh prices reach, series by series?
-- Input: the temporary table `fresh`. Leaves the temporary table `reach`: series_no, low, high.
CREATE OR REPLACE TEMP TABLE reach AS
SELECT series_no, min(effective_at) AS low, max(effective_at) AS high FROM fresh GROUP BY series_no;
