-- Remember a run. Params: as the columns.
INSERT INTO run VALUES ($run_id, $recommendation_id, $opened_at, $clock, $predicted);
