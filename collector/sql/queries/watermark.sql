-- Up to which instant does the store know a source's facts?
--
-- Grain    one row
-- Params   $source_id
--          $as_of TIMESTAMPTZ: no run that began later is seen
-- Columns  until_at   newest effective_at of a run that was closed; NULL: none, read it all
SELECT max(until_at) AS until_at FROM ingest_run WHERE source_id = $source_id AND started_at <= $as_of;
