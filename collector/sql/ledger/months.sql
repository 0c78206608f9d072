-- Which months hold days to be added up, and from which day until before which?
--
-- Params   $all: every day with a row, not only those touched
-- Answer   one row per month: month, next_month, first_day, end_day DATE
WITH dirty AS (
    SELECT day FROM touched_price WHERE NOT $all
    UNION SELECT day FROM touched_probe WHERE NOT $all
    UNION SELECT date_trunc('month', effective_at)::DATE FROM price_change WHERE $all
    UNION SELECT date_trunc('month', effective_at)::DATE FROM probe_seen WHERE $all
)
SELECT date_trunc('month', day)::DATE AS month, (month + INTERVAL 1 MONTH)::DATE AS next_month,
       CASE WHEN $all THEN month ELSE min(day) END AS first_day,
       CASE WHEN $all THEN (month + INTERVAL 1 MONTH)::DATE ELSE max(day) + 1 END AS end_day
FROM dirty GROUP BY date_trunc('month', day)::DATE ORDER BY month;
