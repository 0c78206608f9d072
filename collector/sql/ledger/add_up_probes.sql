-- Add up the probes of one month, day by day.
--
-- Params   $month, $next_month DATE; $all: every day of it, or only those touched, which lie from $first_day
--          until before $end_day
CREATE OR REPLACE TEMP TABLE dirty AS
SELECT DISTINCT series_no, day FROM touched_probe
WHERE day >= $month AND day < $next_month AND NOT $all;

DELETE FROM probe_day
WHERE day >= $month AND day < $next_month AND ($all OR (series_no, day) IN (FROM dirty));

INSERT INTO probe_day BY NAME
WITH tick AS (
    SELECT series_no, wanted, effective_at, effective_at::DATE AS day,
           max(observed_at) OVER (PARTITION BY series_no, wanted, effective_at::DATE) AS newest_at, (holds_s * 1e6)::BIGINT AS holds_us,
           obtainable >= wanted AS is_up
    FROM probe_seen
    WHERE effective_at >= $first_day::DATE::TIMESTAMPTZ AND effective_at < $end_day::DATE::TIMESTAMPTZ
      AND ($all OR (series_no, effective_at::DATE) IN (FROM dirty))
    QUALIFY row_number() OVER (PARTITION BY series_no, wanted, effective_at ORDER BY observed_at DESC, obtainable, holds_s) = 1
),
stretch AS (
    SELECT *, lead(is_up) OVER in_order AS next_up,
           epoch_us(lead(effective_at) OVER in_order) - epoch_us(effective_at) AS next_us
    FROM tick WINDOW in_order AS (PARTITION BY series_no, wanted, day ORDER BY effective_at)
),
stood AS (
    SELECT *, next_us > 3 * holds_us AS before_hole,
           CASE WHEN next_us > 3 * holds_us THEN least(holds_us, next_us) ELSE coalesce(next_us, 0) END AS us
    FROM stretch
)
SELECT series_no, wanted, day, min(effective_at) AS first_at, arg_min(is_up, effective_at) AS first_up,
       max(effective_at) AS last_at, arg_max(is_up, effective_at) AS last_up, arg_max(holds_us, effective_at) AS holds_us,
       count(*) FILTER (is_up AND NOT next_up AND NOT before_hole) AS drops,
       count(*) FILTER (NOT is_up AND next_up AND NOT before_hole) AS gaps,
       coalesce(sum(us) FILTER (is_up), 0)::BIGINT AS up_us, coalesce(sum(us) FILTER (NOT is_up), 0)::BIGINT AS gap_us,
       max(effective_at) FILTER (NOT is_up) AS last_down_at, max(newest_at) AS newest_at
FROM stood GROUP BY series_no, wanted, day
ORDER BY series_no, wanted, day;

DELETE FROM touched_probe WHERE day >= $month AND day < $next_month;
