-- From when to when was a live source not read, for more than three of its cadences?
--
-- Grain    one row per gap: from a pass that went well (or the very first attempt) to the next one
-- Params   $as_of TIMESTAMPTZ: nothing that was written down later is seen
--          $since TIMESTAMPTZ: gaps that ended before are left out
-- Columns  from_at, until_at   until_at is NULL while the gap is open
--          lost_until          up to here the provider does not answer any more (by then, or by
--                              $as_of), so what happened since from_at may never be known;
--                              NULL: its history reaches back far enough to fill the whole gap
--          lost_s              length of that part; nothing is ever put in its place
WITH good AS (
    SELECT source_id, started_at, cadence_s, history_s
    FROM collect_outcome WHERE outcome = 'ok' AND finished_at <= $as_of
),
mark AS (
    SELECT source_id, started_at AS from_at, cadence_s, history_s FROM good WHERE started_at >= $since
    UNION ALL  -- Where the first of them may have begun.
    SELECT source_id, max(started_at), arg_max(cadence_s, started_at), arg_max(history_s, started_at)
    FROM good WHERE started_at < $since GROUP BY source_id
    UNION ALL
    SELECT source_id, min(started_at), arg_min(cadence_s, started_at), arg_min(history_s, started_at)
    FROM collect_pass WHERE started_at <= $as_of GROUP BY source_id
),
spaced AS (
    SELECT *, lead(from_at) OVER (PARTITION BY source_id ORDER BY from_at) AS until_at FROM mark
    QUALIFY coalesce(until_at >= $since, true)
),
gap AS (
    SELECT source_id, from_at, until_at, coalesce(until_at, $as_of) - to_microseconds(CAST(1e6 * history_s AS BIGINT)) AS known_from
    FROM spaced
    WHERE epoch(coalesce(until_at, $as_of) - from_at) > 3 * cadence_s
)
SELECT source_id, from_at, until_at,
       CASE WHEN known_from > from_at THEN known_from END AS lost_until,
       greatest(epoch(known_from - from_at), 0) AS lost_s
FROM gap
ORDER BY source_id, from_at;
