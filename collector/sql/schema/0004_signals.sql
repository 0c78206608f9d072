-- What clouds say about capacity that is neither a price nor a life: scores, warnings, offers.

-- An answer to "how likely would I get this?". A score means nothing without its query, and
-- scores of two scales or two queries are never compared.
CREATE TABLE placement_score (
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,
    zone           VARCHAR,                 -- zone ID; NULL: the answer is for the region
    query          VARCHAR NOT NULL,        -- what was asked, as JSON with sorted keys
    scale          VARCHAR NOT NULL,        -- 'aws 1-10' | 'azure label'
    outcome        VARCHAR NOT NULL,        -- scored | unlisted (answered without it) | refused
    score          VARCHAR,                 -- as the provider spells it; NULL unless scored
    refusal        VARCHAR,                 -- the provider's word for why; NULL unless refused
    effective_at   TIMESTAMPTZ NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- A warning about one instance, or word of its end. Delivered at least once, stored once:
-- the natural key is provider, event_id.
CREATE TABLE interruption_event (
    provider       VARCHAR NOT NULL,
    event_id       VARCHAR NOT NULL,
    what           VARCHAR NOT NULL,        -- interruption | rebalance | preempted
    witness        VARCHAR NOT NULL,        -- eventbridge | audit_log
    region         VARCHAR NOT NULL,
    zone           VARCHAR,                 -- NULL, and sku: the instance was not found any more
    sku            VARCHAR,
    instance_ref   VARCHAR NOT NULL,
    action         VARCHAR,                 -- terminate | stop | hibernate; NULL: only advice
    notice_s       DOUBLE,                  -- what the provider promises; NULL: nothing
    effective_at   TIMESTAMPTZ NOT NULL,    -- when the provider said so
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- Capacity on offer for a stated time, paid before it starts.
CREATE TABLE capacity_offer (
    provider       VARCHAR NOT NULL,
    region         VARCHAR NOT NULL,
    zone           VARCHAR NOT NULL,
    sku            VARCHAR NOT NULL,
    capacity_type  VARCHAR NOT NULL,        -- capacity_block
    offer_ref      VARCHAR NOT NULL,
    instances      INTEGER NOT NULL,
    starts_at      TIMESTAMPTZ NOT NULL,
    ends_at        TIMESTAMPTZ NOT NULL,
    upfront_usd    DECIMAL(18, 9) NOT NULL, -- for all instances and the whole time
    effective_at   TIMESTAMPTZ NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);

-- Machines as providers list them, from the day they do: a row when a place lists a machine
-- that it did not list before, or describes it anew. When a listing ended is not recorded.
CREATE TABLE sku_listing (
    provider          VARCHAR NOT NULL,
    region            VARCHAR NOT NULL,
    zone              VARCHAR,              -- zone ID; NULL: listed for the region
    sku               VARCHAR NOT NULL,
    gpu_model         VARCHAR NOT NULL,
    gpu_count         INTEGER NOT NULL,
    gpu_memory_bytes  BIGINT,               -- of one GPU; NULL: unknown
    note              VARCHAR,              -- what a person should know: that the model's name is derived
    effective_at      TIMESTAMPTZ NOT NULL,
    observed_at       TIMESTAMPTZ NOT NULL,
    source_id         VARCHAR NOT NULL,
    ingest_run_id     BIGINT NOT NULL
);
