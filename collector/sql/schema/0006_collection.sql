-- What came of every attempt to read a live source, also of one that gave nothing.
--
-- A pass is written down when it begins and once more when it ends. One without an end is under
-- way, or its process was killed: which of the two only the process itself can tell. Rows are
-- added and never changed; pass_id is made by the program, and adding one twice adds it once.

CREATE TABLE collect_pass (
    pass_id        VARCHAR NOT NULL,
    source_id      VARCHAR NOT NULL,      -- the job's name where its sources could not be told
    job_id         VARCHAR NOT NULL,      -- what the schedule knows it by
    feed           VARCHAR NOT NULL,
    cadence_s      DOUBLE NOT NULL,       -- how often it was to be read, when it was
    stale_after_s  DOUBLE NOT NULL,
    history_s      DOUBLE NOT NULL,       -- how far back the provider answers; 0: the present only
    started_at     TIMESTAMPTZ NOT NULL
);

-- Source, beginning, cadence and history stand here once more: a year of passes is two million rows,
-- and joining them by pass_id took seconds where this takes tenths.
CREATE TABLE collect_outcome (
    pass_id           VARCHAR NOT NULL,
    source_id         VARCHAR NOT NULL,
    started_at        TIMESTAMPTZ NOT NULL,
    cadence_s         DOUBLE NOT NULL,
    history_s         DOUBLE NOT NULL,
    outcome           VARCHAR NOT NULL,   -- ok | skipped | unavailable | unreadable | refused | failed | interrupted
    trouble           VARCHAR,            -- why, in words; NULL where it went well
    finished_at       TIMESTAMPTZ NOT NULL,
    ingest_run_id     BIGINT,             -- NULL: nothing could be read
    rows_in           BIGINT NOT NULL,
    rows_new          BIGINT NOT NULL,
    rows_duplicate    BIGINT NOT NULL,
    rows_quarantined  BIGINT NOT NULL
);
