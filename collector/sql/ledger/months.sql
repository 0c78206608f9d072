-- Which months hold days to be added up?
--
-- Params   $all: every day with a row, not only those touched
-- Answer   one row per month: month DATE, next_month DATE
WITH dirty AS (
    SELECT day FROM touched_price WHERE NOT $all
    UNION SELECT day FROM touched_probe WHERE NOT $all
    UNION SELECT date_trunc('month', effective_at)::DATE FROM price_change WHERE $all
    UNION SELECT date_trunc('month', effective_at)::DATE FROM probe_seen WHERE $all
)
SELECT DISTINCT date_trunc('month', day)::DATE AS month, (date_trunc('month', day) + INTERVAL 1 MONTH)::DATE AS next_month
FROM dirty ORDER BY month;
