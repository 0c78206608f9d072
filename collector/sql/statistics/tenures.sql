-- Which instances lived in each pool in the window, and how many were taken back?
--
-- Input    `chosen` of chosen.sql
-- Params   $as_of, $window: nothing that began or was observed later is seen
-- Leaves   `tenure_stat`, one row per pool with any time at risk: preemptions (ends in the window that
--          the provider caused), exposure_us (instance-microseconds; a running instance counts until
--          last seen alive), first_at, last_at
--          `tenure_source`: pool_no, series_no of every row that was used
CREATE OR REPLACE TEMP TABLE sighting AS
WITH seen AS NOT MATERIALIZED (
    SELECT pool_no, t.series_no, instance_ref, began_at, ended_at, end_cause, observed_at
    FROM tenure_seen AS t JOIN chosen USING (series_no)
    WHERE observed_at <= $as_of AND began_at <= $as_of
      AND observed_at > $as_of::TIMESTAMPTZ - $window::INTERVAL  -- No instance is seen before it ends.
),
-- Told by numbers alone, which is five times faster; an instance too many among them does no harm.
often AS (SELECT series_no, began_at FROM seen GROUP BY ALL HAVING count(*) > 1),
newest AS (
    FROM seen ANTI JOIN often USING (series_no, began_at)
    UNION ALL
    FROM seen SEMI JOIN often USING (series_no, began_at)
    QUALIFY row_number() OVER (PARTITION BY series_no, instance_ref, began_at
                               ORDER BY observed_at DESC, ended_at DESC NULLS LAST) = 1
)
SELECT pool_no, series_no, greatest(began_at, $as_of::TIMESTAMPTZ - $window::INTERVAL) AS from_at,
       least(coalesce(ended_at, observed_at), $as_of::TIMESTAMPTZ) AS until_at,
       coalesce(end_cause = 'preempted', false) AS was_preempted
FROM newest WHERE until_at > from_at;

CREATE OR REPLACE TEMP TABLE tenure_stat AS
SELECT pool_no, count(*) FILTER (was_preempted) AS preemptions,
       sum(epoch_us(until_at) - epoch_us(from_at))::BIGINT AS exposure_us,
       min(from_at) AS first_at, max(until_at) AS last_at
FROM sighting GROUP BY pool_no;

CREATE OR REPLACE TEMP TABLE tenure_source AS SELECT DISTINCT pool_no, series_no FROM sighting;
