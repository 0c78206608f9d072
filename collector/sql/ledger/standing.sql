-- Is there anything to add up, and what was learnt last? Grain: one row.
-- Columns: touched (days), newest (observed_at of the newest price or probe, NULL without any).
SELECT (SELECT count(*) FROM touched_price) + (SELECT count(*) FROM touched_probe) AS touched,
       greatest((SELECT max(observed_at) FROM price_change), (SELECT max(observed_at) FROM probe_seen)) AS newest;
