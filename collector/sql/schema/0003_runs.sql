-- What was recommended, what was run, and what the runs reported. The store keeps the
-- bytes it is handed and does not interpret them.

CREATE TABLE recommendation (
    recommendation_id  VARCHAR NOT NULL,
    as_of              TIMESTAMPTZ NOT NULL,
    request            BLOB NOT NULL,
    body               BLOB NOT NULL,
    saved_at           TIMESTAMPTZ NOT NULL
);

CREATE TABLE run (
    run_id             VARCHAR NOT NULL,
    recommendation_id  VARCHAR NOT NULL,
    opened_at          TIMESTAMPTZ NOT NULL,
    clock              VARCHAR,             -- JSON, NULL: the wall clock
    predicted          BLOB NOT NULL
);

CREATE TABLE attempt (
    run_id     VARCHAR NOT NULL,
    attempt    INTEGER NOT NULL,            -- 1, 2, 3…: the fencing epoch
    pool_id    VARCHAR NOT NULL,
    issued_at  TIMESTAMPTZ NOT NULL,
    plan       BLOB NOT NULL
);

-- Natural key run_id, attempt, node, seq; the first content wins, others are quarantined.
CREATE TABLE run_event (
    run_id       VARCHAR NOT NULL,
    attempt      INTEGER NOT NULL,
    node         VARCHAR NOT NULL,
    seq          BIGINT NOT NULL,
    reported_at  TIMESTAMPTZ NOT NULL,      -- the reporter's wall clock
    content      VARCHAR NOT NULL,          -- JSON, keys sorted
    received_at  TIMESTAMPTZ NOT NULL
);
