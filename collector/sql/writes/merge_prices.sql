-- Add prices, keeping changes apart from repeats, whatever order they arrive in.
--
-- Input    `incoming`: pool_id, kind, effective_at, observed_at, price_usd_per_hour (text)
-- Params   $source_id, $ingest_run_id, $from_at, $until_at (span of effective_at in `incoming`)
-- Answer   one row: rows_new
--
-- A row is a repeat when the row just before it (by effective_at, observed_at, price, within
-- its series) has the same price and was learnt no later. Then at every instant and under
-- every $as_of the changes alone give the price that all rows would give. The rule looks
-- at the set of rows and not at their arrival, so late rows may move a neighbour between
-- the two tables; nothing is lost and nothing is altered.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT DISTINCT i.*
FROM (SELECT * REPLACE (price_usd_per_hour::DECIMAL(18, 9) AS price_usd_per_hour) FROM incoming) AS i
ANTI JOIN (
    SELECT * FROM price_point
    WHERE source_id = $source_id AND effective_at BETWEEN $from_at AND $until_at
    UNION ALL BY NAME
    SELECT * FROM price_repeat
    WHERE source_id = $source_id AND effective_at BETWEEN $from_at AND $until_at
) AS known USING (pool_id, kind, effective_at, observed_at, price_usd_per_hour);

-- What the rows to add may touch: everything at or after the first of them in its series…
CREATE OR REPLACE TEMP TABLE later AS
WITH reach AS (SELECT pool_id, kind, min(effective_at) AS low FROM fresh GROUP BY ALL)
SELECT k.* EXCLUDE (source_id)
FROM (
    SELECT *, false AS was_repeat FROM price_point
    WHERE source_id = $source_id AND effective_at >= $from_at
    UNION ALL BY NAME
    SELECT *, true AS was_repeat FROM price_repeat
    WHERE source_id = $source_id AND effective_at >= $from_at
) AS k JOIN reach AS r ON k.pool_id = r.pool_id AND k.kind = r.kind AND k.effective_at >= r.low;

-- …and the one row before that.
CREATE OR REPLACE TEMP TABLE before AS
WITH reach AS (SELECT pool_id, kind, min(effective_at) AS low FROM fresh GROUP BY ALL)
SELECT pool_id, kind,
       arg_max({effective_at: k.effective_at, observed_at: k.observed_at, price: k.price_usd_per_hour},
               (k.effective_at, k.observed_at, k.price_usd_per_hour)) AS row
FROM (
    SELECT * FROM price_point WHERE source_id = $source_id AND effective_at < $until_at
    UNION ALL BY NAME
    SELECT * FROM price_repeat WHERE source_id = $source_id AND effective_at < $until_at
) AS k JOIN reach AS r USING (pool_id, kind)
WHERE k.effective_at < r.low
GROUP BY pool_id, kind;

CREATE OR REPLACE TEMP TABLE judged AS
WITH stretch AS (
    SELECT *, $ingest_run_id AS ingest_run_id, NULL::BOOLEAN AS was_repeat, false AS is_before FROM fresh
    UNION ALL BY NAME
    SELECT *, false AS is_before FROM later
    UNION ALL BY NAME
    SELECT pool_id, kind, row.effective_at, row.observed_at, row.price AS price_usd_per_hour,
           true AS is_before
    FROM before
)
SELECT *,
       coalesce(lag(price_usd_per_hour) OVER series = price_usd_per_hour
                AND lag(observed_at) OVER series <= observed_at, false) AS is_repeat
FROM stretch
WINDOW series AS (PARTITION BY pool_id, kind ORDER BY effective_at, observed_at, price_usd_per_hour)
QUALIFY NOT is_before;

DELETE FROM price_point AS p USING judged AS j
WHERE p.source_id = $source_id AND j.was_repeat = false AND j.is_repeat AND p.pool_id = j.pool_id
  AND p.kind = j.kind AND p.effective_at = j.effective_at AND p.observed_at = j.observed_at
  AND p.price_usd_per_hour = j.price_usd_per_hour;

DELETE FROM price_repeat AS p USING judged AS j
WHERE p.source_id = $source_id AND j.was_repeat AND NOT j.is_repeat AND p.pool_id = j.pool_id
  AND p.kind = j.kind AND p.effective_at = j.effective_at AND p.observed_at = j.observed_at
  AND p.price_usd_per_hour = j.price_usd_per_hour;

INSERT INTO price_point BY NAME
SELECT pool_id, $source_id AS source_id, kind, effective_at, observed_at, price_usd_per_hour, ingest_run_id
FROM judged WHERE NOT is_repeat AND was_repeat IS DISTINCT FROM false
ORDER BY effective_at;

INSERT INTO price_repeat BY NAME
SELECT pool_id, $source_id AS source_id, kind, effective_at, observed_at, price_usd_per_hour, ingest_run_id
FROM judged WHERE is_repeat AND was_repeat IS DISTINCT FROM true
ORDER BY effective_at;

SELECT count(*) AS rows_new FROM fresh;
