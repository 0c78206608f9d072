-- The day ledger: what each pool's facts of one UTC day add up to, so that a window of a year is the
-- sum of its days and months. It is derived, may be dropped at any time, and is no part of a lake.
--
-- The sums of a span cover its rows up to the last one; what the last row goes on for is known only
-- with the next span that has a row. So a new row changes the spans it falls on and no other. A
-- span may be used where the newest of its rows had been observed (newest_at), else its rows are.
CREATE TABLE IF NOT EXISTS price_day (
    pool_no      INTEGER NOT NULL,
    day          DATE NOT NULL,
    first_at     TIMESTAMPTZ NOT NULL,
    last_at      TIMESTAMPTZ NOT NULL,
    first_nano   BIGINT NOT NULL,          -- 1e-9 USD per hour
    last_nano    BIGINT NOT NULL,
    series_no    INTEGER NOT NULL,         -- of the last row
    observed_at  TIMESTAMPTZ NOT NULL,     -- of the last row
    newest_at    TIMESTAMPTZ NOT NULL,     -- greatest observed_at of any row
    changed_at   TIMESTAMPTZ,              -- last change within the span
    changes      BIGINT NOT NULL,          -- within the span
    usd_us       HUGEINT NOT NULL,         -- from the first to the last row, as in statistics/prices_from_rows.sql
    log_us       HUGEINT NOT NULL,
    log2_us      HUGEINT NOT NULL,
    low          BIGINT NOT NULL,
    high         BIGINT NOT NULL,
    others       INTEGER[]                 -- series that stood at some time; NULL: only series_no has a row
);

-- The same per month; `day` is its first.
CREATE TABLE IF NOT EXISTS price_month AS FROM price_day LIMIT 0;

CREATE TABLE IF NOT EXISTS probe_day (
    series_no     INTEGER NOT NULL,
    wanted        INTEGER NOT NULL,
    day           DATE NOT NULL,
    first_at      TIMESTAMPTZ NOT NULL,
    first_up      BOOLEAN NOT NULL,
    last_at       TIMESTAMPTZ NOT NULL,
    last_up       BOOLEAN NOT NULL,
    holds_us      BIGINT NOT NULL,         -- of the last probe
    drops         BIGINT NOT NULL,
    gaps          BIGINT NOT NULL,
    up_us         BIGINT NOT NULL,
    gap_us        BIGINT NOT NULL,
    last_down_at  TIMESTAMPTZ,
    newest_at     TIMESTAMPTZ NOT NULL
);

-- Days that gained or lost a row since they were added up.
CREATE TABLE IF NOT EXISTS touched_price (series_no INTEGER NOT NULL, day DATE NOT NULL);
CREATE TABLE IF NOT EXISTS touched_probe (series_no INTEGER NOT NULL, day DATE NOT NULL);

CREATE TABLE IF NOT EXISTS ledger_state (version INTEGER NOT NULL); -- A row: every day was added up once.
