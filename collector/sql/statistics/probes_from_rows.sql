-- What did probing each pool find in the window? From the probes themselves.
--
-- Input    `chosen` of chosen.sql
-- Params   $as_of, $window: nothing effective or observed later is seen
-- Leaves   `probe_stat`, one row per probed pool: drops (available, then not), gaps (not, then
--          available), up_us, gap_us (microseconds with and without capacity), first_at, last_at (of
--          the probes), last_down_at, last_up (the last probe, NULL when it is older than 3 ticks)
--          `probe_source`: pool_no, series_no of every row that was used
--
-- A probe stands until the next one of its series. Where the next is more than 3 ticks away
-- the time between is a hole: it stands for one tick, and the rest is neither up nor down.
CREATE OR REPLACE TEMP TABLE probe_stat AS
WITH tick AS (
    SELECT pool_no, p.series_no, wanted, effective_at, (holds_s * 1e6)::BIGINT AS holds_us, obtainable >= wanted AS is_up
    FROM probe_seen AS p JOIN chosen USING (series_no)
    WHERE effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL AND effective_at <= $as_of AND observed_at <= $as_of
    QUALIFY row_number() OVER (PARTITION BY p.series_no, wanted, effective_at
                               ORDER BY observed_at DESC, obtainable, holds_s) = 1
),
stretch AS (
    SELECT *, lead(is_up) OVER in_order AS next_up,
           epoch_us(coalesce(lead(effective_at) OVER in_order, $as_of::TIMESTAMPTZ)) - epoch_us(effective_at) AS next_us
    FROM tick WINDOW in_order AS (PARTITION BY series_no, wanted ORDER BY effective_at)
),
stood AS (
    SELECT *, next_us > 3 * holds_us AS before_hole,
           CASE WHEN next_up IS NULL OR next_us > 3 * holds_us THEN least(holds_us, next_us) ELSE next_us END AS us
    FROM stretch
)
SELECT pool_no,
       count(*) FILTER (is_up AND NOT next_up AND NOT before_hole) AS drops,
       count(*) FILTER (NOT is_up AND next_up AND NOT before_hole) AS gaps,
       coalesce(sum(us) FILTER (is_up), 0)::BIGINT                 AS up_us,
       coalesce(sum(us) FILTER (NOT is_up), 0)::BIGINT             AS gap_us,
       min(effective_at) AS first_at, max(effective_at) AS last_at,
       max(effective_at) FILTER (NOT is_up) AS last_down_at,
       -- Wrapped, since arg_max passes over NULLs, and the last probe must stay the last.
       arg_max({up: CASE WHEN NOT before_hole THEN is_up END}, (effective_at, series_no, wanted)).up AS last_up
FROM stood GROUP BY pool_no;

CREATE OR REPLACE TEMP TABLE probe_source AS
SELECT DISTINCT pool_no, p.series_no
FROM probe_seen AS p JOIN chosen USING (series_no)
WHERE effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL AND effective_at <= $as_of AND observed_at <= $as_of;
