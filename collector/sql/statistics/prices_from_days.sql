-- What did each pool cost in the window? From the ledger's months and days, and where they do not serve from rows.
--
-- Input    `price_stat` of prices_from_rows.sql for the pools with a list price; `chosen`, `by_row`
-- Params   $as_of, $window: nothing effective or observed later is seen
-- Leaves   `price_stat` with the other pools added: the very same numbers as from rows
--
-- Rows serve for the days on which the window begins and ends, and for those of which something was
-- observed only after $as_of. A row is a span without length; so one rule joins rows, days and months.
CREATE OR REPLACE TEMP TABLE by_day AS SELECT DISTINCT pool_no FROM chosen ANTI JOIN by_row USING (pool_no);

CREATE OR REPLACE TEMP TABLE ends AS
SELECT $as_of::TIMESTAMPTZ - $window::INTERVAL AS from_at, from_at::DATE AS from_day, $as_of::TIMESTAMPTZ::DATE AS until_day;

CREATE OR REPLACE TEMP TABLE unripe AS
SELECT pool_no, day FROM price_day SEMI JOIN by_day USING (pool_no)
WHERE newest_at > $as_of AND day <= (SELECT until_day FROM ends);

CREATE OR REPLACE TEMP TABLE lone AS
WITH dated AS NOT MATERIALIZED (
    SELECT pool_no, effective_at, p.series_no, rank, observed_at, price_usd_per_hour
    FROM price_change AS p JOIN chosen AS c ON c.series_no = p.series_no
)
SELECT pool_no, effective_at, series_no, observed_at, round(price_usd_per_hour::DOUBLE * 1e9)::BIGINT AS nano
FROM (
    FROM dated SEMI JOIN by_day USING (pool_no)
    WHERE effective_at >= ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE::TIMESTAMPTZ
      AND effective_at < ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE::TIMESTAMPTZ + INTERVAL 1 DAY
      AND effective_at <= $as_of AND observed_at <= $as_of
    UNION ALL
    FROM dated SEMI JOIN by_day USING (pool_no)
    WHERE effective_at >= $as_of::TIMESTAMPTZ::DATE::TIMESTAMPTZ AND effective_at <= $as_of AND observed_at <= $as_of
      AND effective_at::DATE > (SELECT from_day FROM ends)
    UNION ALL
    SELECT d.* FROM dated AS d
    SEMI JOIN (FROM unripe, ends WHERE day NOT IN (from_day, until_day)) AS u
        ON u.pool_no = d.pool_no AND u.day = d.effective_at::DATE
    WHERE effective_at <= $as_of AND observed_at <= $as_of
)
WINDOW in_order AS (PARTITION BY pool_no ORDER BY effective_at, rank, observed_at, price_usd_per_hour, series_no)
QUALIFY lead(effective_at) OVER in_order IS DISTINCT FROM effective_at;

-- Bounds are spelt out as constants, so that whole blocks of other days are passed over.
INSERT INTO price_stat BY NAME
WITH unripe_month AS (SELECT DISTINCT pool_no, date_trunc('month', day)::DATE AS month FROM unripe),
whole_month AS (
    SELECT m.* FROM price_month AS m SEMI JOIN by_day USING (pool_no)
    WHERE day > ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE
      AND day < date_trunc('month', $as_of::TIMESTAMPTZ::DATE) AND newest_at <= $as_of
),
whole_day AS (
    SELECT d.* FROM price_day AS d SEMI JOIN by_day USING (pool_no)
    WHERE day > ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE AND day < $as_of::TIMESTAMPTZ::DATE
      AND day < date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE) + INTERVAL 1 MONTH
    UNION ALL
    SELECT d.* FROM price_day AS d SEMI JOIN by_day USING (pool_no)
    WHERE day >= date_trunc('month', $as_of::TIMESTAMPTZ::DATE) AND day < $as_of::TIMESTAMPTZ::DATE
      AND day >= date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE) + INTERVAL 1 MONTH
    UNION ALL
    SELECT d.* FROM price_day AS d
    SEMI JOIN unripe_month AS u ON u.pool_no = d.pool_no AND u.month = date_trunc('month', d.day)::DATE
    WHERE day < date_trunc('month', $as_of::TIMESTAMPTZ::DATE)
      AND day >= date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE) + INTERVAL 1 MONTH
),
before AS (  -- Spans that lie before the beginning.
    SELECT pool_no, last_at, series_no, observed_at, last_nano FROM price_month
    WHERE day < date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE) AND newest_at <= $as_of
    UNION ALL
    SELECT pool_no, last_at, series_no, observed_at, last_nano FROM price_day
    WHERE day < ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE AND newest_at <= $as_of
      AND day >= date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE)
    UNION ALL
    SELECT pool_no, last_at, series_no, observed_at, last_nano FROM price_day AS d
    SEMI JOIN unripe_month AS u ON u.pool_no = d.pool_no AND u.month = date_trunc('month', d.day)::DATE
    WHERE day < date_trunc('month', ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE) AND newest_at <= $as_of
),
carried AS (  -- The last row at or before the beginning; the last span before it counts where no row is later.
    SELECT pool_no, arg_max({e: stood_at, s: series_no, o: observed_at, n: nano}, stood_at) AS row
    FROM (
        SELECT pool_no, effective_at AS stood_at, series_no, observed_at, nano FROM lone, ends WHERE effective_at <= from_at
        UNION ALL
        SELECT pool_no, last_at, series_no, observed_at, last_nano FROM before SEMI JOIN by_day USING (pool_no)
    ) GROUP BY pool_no
),
single AS (
    SELECT pool_no, row.e AS stood_at, row.s AS series_no, row.o AS observed_at, row.n AS nano FROM carried
    UNION ALL
    SELECT pool_no, effective_at, series_no, observed_at, nano FROM lone, ends WHERE effective_at > from_at
),
span AS NOT MATERIALIZED (
    FROM whole_month UNION ALL BY NAME (FROM whole_day WHERE newest_at <= $as_of)
    UNION ALL BY NAME
    SELECT pool_no, stood_at AS first_at, stood_at AS last_at, nano AS first_nano, nano AS last_nano, series_no, observed_at,
           0 AS changes, 0::HUGEINT AS usd_us, 0::HUGEINT AS log_us, 0::HUGEINT AS log2_us, nano AS low, nano AS high
    FROM single
),
inner_sum AS (  -- Apart from what lies between spans, so that few columns have to be sorted.
    SELECT pool_no, max(changed_at) AS changed_at, sum(changes) AS changes,
           sum(epoch_us(last_at) - epoch_us(first_at)) AS us, sum(usd_us) AS usd_us, sum(log_us) AS log_us,
           sum(log2_us) AS log2_us, min(low) AS low, max(high) AS high,
           coalesce(flatten(list(others) FILTER (others IS NOT NULL)), []) AS others
    FROM span GROUP BY pool_no
),
joined AS (
    SELECT pool_no, first_at, last_at, first_nano, last_nano, series_no, observed_at,
           lag(last_nano) OVER in_order AS before, lag(series_no) OVER in_order AS series_before,
           lead(first_at) OVER in_order AS next_at
    FROM span WINDOW in_order AS (PARTITION BY pool_no ORDER BY first_at)
),
piece AS (
    SELECT *, next_at IS NULL AS is_last, round(ln(last_nano * 1e-9) * 1e9)::BIGINT AS log_nano,
           epoch_us(coalesce(next_at, $as_of::TIMESTAMPTZ))
           - epoch_us(greatest(last_at, $as_of::TIMESTAMPTZ - $window::INTERVAL)) AS us
    FROM joined
),
between_sum AS (
    SELECT pool_no, max(last_nano) FILTER (is_last) AS nano, max(series_no) FILTER (is_last) AS series_no,
           max(observed_at) FILTER (is_last) AS observed_at,
           max(first_at) FILTER (before IS DISTINCT FROM first_nano) AS changed_at,
           count(*) FILTER (before <> first_nano) AS changes,
           sum(us) AS us, sum(last_nano::HUGEINT * us) AS usd_us, sum(log_nano::HUGEINT * us) AS log_us,
           sum(log_nano::HUGEINT * log_nano * us) AS log2_us,
           list(DISTINCT series_no) FILTER (series_before IS DISTINCT FROM series_no) AS series
    FROM piece GROUP BY pool_no
)
SELECT pool_no, nano, series_no, observed_at, greatest(b.changed_at, i.changed_at) AS changed_at,
       (b.changes + i.changes)::BIGINT AS changes, (b.us + i.us)::BIGINT AS us, b.usd_us + i.usd_us AS usd_us,
       b.log_us + i.log_us AS log_us, b.log2_us + i.log2_us AS log2_us, low, high, series || others AS series
FROM between_sum AS b JOIN inner_sum AS i USING (pool_no);
