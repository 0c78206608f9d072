-- What runs measured of themselves: the seconds that saving, restoring, restarting and waiting took.
-- Wall seconds of our own machines, one row per measurement; an estimate is never put here. A
-- measurement is told by all of its columns, so reading a log again adds nothing.
CREATE TABLE run_overhead (
    run_id         VARCHAR NOT NULL,
    attempt        INTEGER NOT NULL,
    node           VARCHAR NOT NULL,
    pool_id        VARCHAR NOT NULL,        -- of the attempt
    what           VARCHAR NOT NULL,        -- restart | pause | upload | restore | wait
    seconds        DOUBLE NOT NULL,         -- restart: machine obtained to first new step, the restore inside
                                            -- upload: capture begun to manifest durable, the pause inside
    bytes          BIGINT,                  -- moved; NULL: nothing was, or it is not known
    effective_at   TIMESTAMPTZ NOT NULL,    -- when it was over
    observed_at    TIMESTAMPTZ NOT NULL,
    source_id      VARCHAR NOT NULL,
    ingest_run_id  BIGINT NOT NULL
);
