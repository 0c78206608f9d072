-- What providers and archives publish that is neither a price of a pool nor an event in one.

-- A published band, never a rate: "between rate_low and rate_high of the denominator were
-- interrupted over horizon_s". The denominator keeps a month of running machines and a day of
-- stopped ones apart, so that both can lie here without being taken for one another.
CREATE TABLE interruption_band (
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,
    zone           VARCHAR,                -- NULL: the share is of the region
    sku            VARCHAR NOT NULL,
    what           VARCHAR NOT NULL,       -- in words: who publishes which share of what
    denominator    VARCHAR NOT NULL,       -- running | stopped | launched: what the share is of | unknown
    horizon_s      DOUBLE NOT NULL,        -- the span the share is taken over
    window_s       DOUBLE,                 -- the time it was averaged over; NULL: not stated
    label          VARCHAR,                -- the band as its publisher writes it; NULL: a share without a band
    rate_low       DOUBLE NOT NULL,        -- 0..1
    rate_high      DOUBLE,                 -- 0..1; NULL: the band is open
    saving         DOUBLE,                 -- published 1 - spot / on-demand, 0..1
    effective_at   TIMESTAMPTZ NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- Published egress and storage tariffs, one row per region, item and tier.
CREATE TABLE tariff_point (
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,
    kind           VARCHAR NOT NULL,        -- internet_egress | object_bucket | object_retrieval
    item           VARCHAR NOT NULL,        -- destination, or storage class
    tier           VARCHAR NOT NULL,        -- as published, in TiB: 0-1 | 1-10 | 10n | '' for none
    price_usd      DECIMAL(18, 9) NOT NULL, -- per unit
    unit           VARCHAR NOT NULL,        -- GiB | GiB-month
    effective_at   TIMESTAMPTZ NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- What a cluster holds, by machine shape. The archive states no date, so none is stored.
CREATE TABLE gpu_inventory (
    provider       VARCHAR NOT NULL,
    gpu_model      VARCHAR NOT NULL,         -- as the archive spells it
    gpus_per_node  INTEGER NOT NULL,
    cpus_per_node  INTEGER NOT NULL,
    nodes          BIGINT NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- What a cluster was asked for, by hour since the archive's unstated beginning.
CREATE TABLE gpu_demand (
    provider       VARCHAR NOT NULL,
    measure        VARCHAR NOT NULL,         -- the archive's column
    hour           INTEGER NOT NULL,         -- hours since the archive began
    value          DOUBLE NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);
