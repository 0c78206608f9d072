-- What did probing each pool find in the window? From the ledger's days, and where they do not serve from rows.
--
-- Input    `chosen` of chosen.sql
-- Params   $as_of, $window: nothing effective or observed later is seen
-- Leaves   `probe_stat` and `probe_source`: the very same as from rows
CREATE OR REPLACE TEMP TABLE unripe_probe AS
SELECT DISTINCT series_no, day FROM probe_day SEMI JOIN chosen USING (series_no)
WHERE newest_at > $as_of AND day > ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE AND day < $as_of::TIMESTAMPTZ::DATE;

CREATE OR REPLACE TEMP TABLE probe_stretch AS
WITH edge AS (
    SELECT series_no, wanted, effective_at, (holds_s * 1e6)::BIGINT AS holds_us, obtainable >= wanted AS is_up
    FROM (
        SELECT p.* FROM probe_seen AS p SEMI JOIN chosen USING (series_no)
        WHERE observed_at <= $as_of AND (effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL
               AND effective_at < ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE::TIMESTAMPTZ + INTERVAL 1 DAY
               AND effective_at <= $as_of
            OR effective_at BETWEEN $as_of::TIMESTAMPTZ::DATE::TIMESTAMPTZ AND $as_of
               AND effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL)
        UNION ALL
        SELECT p.* FROM probe_seen AS p
        SEMI JOIN unripe_probe AS u ON u.series_no = p.series_no AND u.day = p.effective_at::DATE
        WHERE observed_at <= $as_of
    )
    QUALIFY row_number() OVER (PARTITION BY series_no, wanted, effective_at ORDER BY observed_at DESC, obtainable, holds_s) = 1
)
SELECT * EXCLUDE (day, newest_at) FROM probe_day SEMI JOIN chosen USING (series_no)
ANTI JOIN unripe_probe USING (series_no, day)
WHERE day > ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE AND day < $as_of::TIMESTAMPTZ::DATE
UNION ALL BY NAME
SELECT series_no, wanted, effective_at AS first_at, is_up AS first_up, effective_at AS last_at, is_up AS last_up, holds_us,
       0 AS drops, 0 AS gaps, 0 AS up_us, 0 AS gap_us, CASE WHEN NOT is_up THEN effective_at END AS last_down_at
FROM edge;

CREATE OR REPLACE TEMP TABLE probe_stat AS
WITH joined AS (
    SELECT *, lead(first_up) OVER in_order AS next_up,
           epoch_us(coalesce(lead(first_at) OVER in_order, $as_of::TIMESTAMPTZ)) - epoch_us(last_at) AS next_us
    FROM probe_stretch WINDOW in_order AS (PARTITION BY series_no, wanted ORDER BY first_at)
),
stood AS (
    SELECT *, next_us > 3 * holds_us AS before_hole,
           CASE WHEN next_up IS NULL OR next_us > 3 * holds_us THEN least(holds_us, next_us) ELSE next_us END AS us
    FROM joined
)
SELECT pool_no,
       sum(drops + coalesce(last_up AND NOT next_up AND NOT before_hole, false)::INTEGER)::BIGINT AS drops,
       sum(gaps + coalesce(NOT last_up AND next_up AND NOT before_hole, false)::INTEGER)::BIGINT  AS gaps,
       sum(up_us + CASE WHEN last_up THEN us ELSE 0 END)::BIGINT                  AS up_us,
       sum(gap_us + CASE WHEN last_up THEN 0 ELSE us END)::BIGINT                 AS gap_us,
       min(first_at) AS first_at, max(last_at) AS last_at, max(last_down_at) AS last_down_at,
       arg_max({up: CASE WHEN NOT before_hole THEN last_up END}, (last_at, series_no, wanted)).up AS last_up
FROM stood JOIN chosen USING (series_no) GROUP BY pool_no;

CREATE OR REPLACE TEMP TABLE probe_source AS
SELECT DISTINCT pool_no, series_no FROM probe_stretch JOIN chosen USING (series_no);
