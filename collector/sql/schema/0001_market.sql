-- The market as it was observed: who said what, about which pool, and when.
--
-- Two clocks stand on every fact: effective_at is the provider's, observed_at is ours. Facts
-- are never overwritten: a correction is a later observed_at, and every query takes $as_of.
-- No table has a key, a constraint or a sequence: a primary key made ingest twelve times
-- slower, and a lake has none of them. Writes are made idempotent by sql/writes.

CREATE TABLE source (
    source_id  VARCHAR NOT NULL,        -- stable name of a feed or data set
    kind       VARCHAR NOT NULL,        -- recorded | list | synthetic
    licence    VARCHAR NOT NULL,
    note       VARCHAR NOT NULL,        -- what was assumed when reading it, in words
    added_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE ingest_run (
    ingest_run_id     BIGINT NOT NULL,
    source_id         VARCHAR NOT NULL,
    origin            VARCHAR NOT NULL,  -- the file or address read
    started_at        TIMESTAMPTZ NOT NULL,
    finished_at       TIMESTAMPTZ,       -- NULL: it did not end well, or still runs
    rows_in           BIGINT,
    rows_new          BIGINT,
    rows_duplicate    BIGINT,
    rows_quarantined  BIGINT,
    from_at           TIMESTAMPTZ,       -- first effective_at of the accepted rows
    until_at          TIMESTAMPTZ,       -- last effective_at: the watermark
    trouble           VARCHAR,           -- why it stopped, in words
    reasons           VARCHAR,           -- of the quarantined, as JSON: reason -> rows
    fingerprint       VARCHAR            -- of the file and of how it was read; NULL: not a file
);

CREATE TABLE sku (
    provider          VARCHAR NOT NULL,
    name              VARCHAR NOT NULL,
    gpu_model         VARCHAR NOT NULL,
    gpu_count         INTEGER NOT NULL,
    gpu_memory_bytes  BIGINT             -- of one GPU; NULL: unknown
);

CREATE TABLE pool (
    pool_no        INTEGER NOT NULL,
    pool_id        VARCHAR NOT NULL,     -- provider/region/zone/sku/capacity_type, - for no zone
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,     -- 'unrecorded' where the recorder did not say
    zone           VARCHAR,              -- zone ID, or name:… of an account; NULL: regional
    sku            VARCHAR NOT NULL,
    capacity_type  VARCHAR NOT NULL
);

-- One source's word on one pool. Facts carry its number, for four bytes sort and join
-- faster than a name; the views below put the names back.
CREATE TABLE series (
    series_no  INTEGER NOT NULL,
    pool_no    INTEGER NOT NULL,
    source_id  VARCHAR NOT NULL,
    kind       VARCHAR NOT NULL          -- recorded | list | synthetic: of its prices
);

-- Prices as changes. A row repeats the row before it (in effective_at, observed_at, price
-- order, within its series) when it has the same price and was learnt no earlier; a repeat
-- is no row here.
CREATE TABLE price_change (
    series_no           INTEGER NOT NULL,
    effective_at        TIMESTAMPTZ NOT NULL,
    observed_at         TIMESTAMPTZ NOT NULL,
    price_usd_per_hour  DECIMAL(18, 9) NOT NULL, -- per instance-hour
    ingest_run_id       BIGINT NOT NULL
);

-- Repeats, one row per pass of a source: every series whose price in force was seen again
-- then. They keep staleness honest, and become changes should a late row slip in before them.
CREATE TABLE price_confirmed (
    source_id    VARCHAR NOT NULL,
    observed_at  TIMESTAMPTZ NOT NULL,
    first_at     TIMESTAMPTZ NOT NULL,   -- least effective_at of `seen`
    last_at      TIMESTAMPTZ NOT NULL,   -- greatest effective_at of `seen`
    seen         STRUCT(series_no INTEGER, effective_at TIMESTAMPTZ)[] NOT NULL
);

-- One row per sighting of an instance: the newest visible one says how it stands. While
-- ended_at is NULL the instance was alive at observed_at; later than that is unknown.
CREATE TABLE tenure_seen (
    series_no      INTEGER NOT NULL,
    instance_ref   VARCHAR NOT NULL,
    began_at       TIMESTAMPTZ NOT NULL,
    ended_at       TIMESTAMPTZ,
    end_cause      VARCHAR,               -- preempted | stopped | failed | unknown
    began_before   BOOLEAN NOT NULL,      -- it ran already when observation began
    observed_at    TIMESTAMPTZ NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

CREATE TABLE probe_seen (
    series_no      INTEGER NOT NULL,
    effective_at   TIMESTAMPTZ NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    wanted         INTEGER NOT NULL,      -- instances asked for
    obtainable     INTEGER NOT NULL,      -- instances that could be had
    holds_s        DOUBLE NOT NULL,       -- the recorder's tick
    ingest_run_id  BIGINT NOT NULL
);

CREATE TABLE quarantine (
    source_id      VARCHAR NOT NULL,
    reason         VARCHAR NOT NULL,
    content        VARCHAR NOT NULL,      -- the rejected row, as JSON
    observed_at    TIMESTAMPTZ NOT NULL,  -- when it was turned away
    ingest_run_id  BIGINT                 -- NULL: not from an ingest (a run event)
);

-- The same with names, for people.
CREATE VIEW price_point AS
SELECT pool_id, source_id, kind, effective_at, observed_at, price_usd_per_hour, ingest_run_id
FROM price_change JOIN series USING (series_no) JOIN pool USING (pool_no);

-- Every repeat as a row of its own, with the price it repeats.
CREATE VIEW price_repeat AS
WITH filled AS (
    SELECT series_no, effective_at, observed_at, price_usd_per_hour IS NULL AS is_repeat,
           last_value(price_usd_per_hour IGNORE NULLS) OVER (
               PARTITION BY series_no ORDER BY effective_at, observed_at, price_usd_per_hour NULLS LAST
               ROWS UNBOUNDED PRECEDING) AS price_usd_per_hour
    FROM (
        SELECT series_no, effective_at, observed_at, price_usd_per_hour FROM price_change
        UNION ALL
        SELECT s.series_no, s.effective_at, observed_at, NULL
        FROM (SELECT observed_at, unnest(seen) AS s FROM price_confirmed)
    )
)
SELECT pool_id, source_id, kind, effective_at, observed_at, price_usd_per_hour
FROM filled JOIN series USING (series_no) JOIN pool USING (pool_no)
WHERE is_repeat;

CREATE VIEW tenure AS
SELECT pool_id, source_id, tenure_seen.* EXCLUDE (series_no)
FROM tenure_seen JOIN series USING (series_no) JOIN pool USING (pool_no);

CREATE VIEW probe AS
SELECT pool_id, source_id, probe_seen.* EXCLUDE (series_no)
FROM probe_seen JOIN series USING (series_no) JOIN pool USING (pool_no);
