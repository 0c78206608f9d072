-- From when to when was a live source not read, for more than three of its cadences?
--
-- Grain    one row per gap: from a pass that went well (or the very first attempt) to the next one
-- Params   $as_of TIMESTAMPTZ: nothing that was written down later is seen
-- Columns  from_at, until_at   until_at is NULL while the gap is open
--          lost_until          up to here the provider does not answer any more (by then, or by
--                              $as_of), so what happened since from_at may never be known;
--                              NULL: its history reaches back far enough to fill the whole gap
--          lost_s              length of that part; nothing is ever put in its place
WITH pass AS (
    SELECT p.*, o.outcome
    FROM collect_pass AS p
    LEFT JOIN collect_outcome AS o ON o.pass_id = p.pass_id AND o.finished_at <= $as_of
    WHERE p.started_at <= $as_of
),
mark AS (
    SELECT source_id, started_at AS from_at, cadence_s, history_s FROM pass WHERE outcome = 'ok'
    UNION
    SELECT source_id, min(started_at), arg_min(cadence_s, started_at), arg_min(history_s, started_at)
    FROM pass GROUP BY source_id
),
spaced AS (
    SELECT *, lead(from_at) OVER (PARTITION BY source_id ORDER BY from_at) AS until_at FROM mark
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
