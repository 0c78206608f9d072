-- The market as it was observed: who said what, about which pool, and when.
--
-- Two clocks stand on every fact: effective_at is the provider's, observed_at is ours.
-- The big tables carry no primary key (it made ingest twelve times slower); writes are
-- made idempotent by time-bounded anti-joins in sql/writes. Facts are never overwritten:
-- a correction is a later observed_at, and every query takes $as_of.

CREATE SEQUENCE ingest_run_number;

CREATE TABLE source (
    source_id  VARCHAR PRIMARY KEY,     -- stable name of a feed or data set
    kind       VARCHAR NOT NULL,        -- recorded | list | synthetic
    licence    VARCHAR NOT NULL,
    note       VARCHAR NOT NULL,        -- what was assumed when reading it, in words
    added_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE ingest_run (
    ingest_run_id     BIGINT PRIMARY KEY,
    source_id         VARCHAR NOT NULL,
    origin            VARCHAR NOT NULL,  -- the file or address read
    started_at        TIMESTAMPTZ NOT NULL,
    finished_at       TIMESTAMPTZ,       -- NULL: it did not end well, or still runs
    rows_in           BIGINT NOT NULL DEFAULT 0,
    rows_new          BIGINT NOT NULL DEFAULT 0,
    rows_duplicate    BIGINT NOT NULL DEFAULT 0,
    rows_quarantined  BIGINT NOT NULL DEFAULT 0,
    from_at           TIMESTAMPTZ,       -- first effective_at of the accepted rows
    until_at          TIMESTAMPTZ,       -- last effective_at: the watermark
    trouble           VARCHAR            -- why it stopped, in words
);

CREATE TABLE sku (
    provider          VARCHAR NOT NULL,
    name              VARCHAR NOT NULL,
    gpu_model         VARCHAR NOT NULL,
    gpu_count         INTEGER NOT NULL,
    gpu_memory_bytes  BIGINT,            -- of one GPU; NULL: unknown
    PRIMARY KEY (provider, name)
);

CREATE TABLE pool (
    pool_id        VARCHAR PRIMARY KEY,  -- provider/region/zone/sku/capacity_type, - for no zone
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,     -- 'unrecorded' where the recorder did not say
    zone           VARCHAR,              -- zone ID, or name:… of an account; NULL: regional
    sku            VARCHAR NOT NULL,
    capacity_type  VARCHAR NOT NULL
);

-- Prices as changes: a row is here when it differs from the row before it (in effective_at,
-- observed_at, price order, within pool, source and kind) or was learnt before that row was.
CREATE TABLE price_point (
    pool_id             VARCHAR NOT NULL,
    source_id           VARCHAR NOT NULL,
    kind                VARCHAR NOT NULL,       -- recorded | list | synthetic
    effective_at        TIMESTAMPTZ NOT NULL,
    observed_at         TIMESTAMPTZ NOT NULL,
    price_usd_per_hour  DECIMAL(18, 9) NOT NULL, -- per instance-hour
    ingest_run_id       BIGINT NOT NULL
);

-- Observations that only confirmed the price in force. They keep staleness honest, and
-- become changes should a late row slip in before them.
CREATE TABLE price_repeat (
    pool_id             VARCHAR NOT NULL,
    source_id           VARCHAR NOT NULL,
    kind                VARCHAR NOT NULL,
    effective_at        TIMESTAMPTZ NOT NULL,
    observed_at         TIMESTAMPTZ NOT NULL,
    price_usd_per_hour  DECIMAL(18, 9) NOT NULL,
    ingest_run_id       BIGINT NOT NULL
);

-- One row per sighting of an instance: the newest visible one says how it stands. While
-- ended_at is NULL the instance was alive at observed_at; later than that is unknown.
CREATE TABLE tenure (
    pool_id        VARCHAR NOT NULL,
    source_id      VARCHAR NOT NULL,
    instance_ref   VARCHAR NOT NULL,
    began_at       TIMESTAMPTZ NOT NULL,
    ended_at       TIMESTAMPTZ,
    end_cause      VARCHAR,               -- preempted | stopped | failed | unknown
    began_before   BOOLEAN NOT NULL,      -- it ran already when observation began
    observed_at    TIMESTAMPTZ NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

CREATE TABLE probe (
    pool_id        VARCHAR NOT NULL,
    source_id      VARCHAR NOT NULL,
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
