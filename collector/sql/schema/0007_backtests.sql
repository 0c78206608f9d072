-- How Lowtide's own forecasts, estimates and choices fared against what was recorded.
--
-- A backtest is made once and never changed; the newest says how good the present program is.
-- Its figures carry their interval and a baseline's value, for a number alone proves nothing.

CREATE TABLE backtest (
    backtest_id   VARCHAR NOT NULL,
    name          VARCHAR NOT NULL,       -- of the job that was started at every origin, or 'market'
    from_at       TIMESTAMPTZ NOT NULL,   -- the first origin
    until_at      TIMESTAMPTZ NOT NULL,   -- nothing effective later was scored
    every_hours   DOUBLE NOT NULL,        -- between two origins
    window_hours  DOUBLE NOT NULL,        -- of history behind a job's estimate
    origins       INTEGER NOT NULL,
    pools         INTEGER NOT NULL,       -- with a record of probes
    job           VARCHAR,                -- the job file as JSON; NULL: none was given
    seed          BIGINT NOT NULL,
    code_version  VARCHAR NOT NULL,
    sources       VARCHAR NOT NULL,       -- whose probes and prices, as a JSON list
    synthetic     BOOLEAN NOT NULL,       -- any of them generated
    left_out      VARCHAR NOT NULL,       -- what could not be scored and why, as a JSON list
    made_at       TIMESTAMPTZ NOT NULL
);

CREATE TABLE backtest_figure (
    backtest_id     VARCHAR NOT NULL,
    place           INTEGER NOT NULL,     -- in the order in which they are told
    figure          VARCHAR NOT NULL,     -- brier | life_crps_24h | finish_coverage_80 | regret_usd | …
    unit            VARCHAR NOT NULL,
    better          VARCHAR NOT NULL,     -- lower | higher | nominal
    pool_id         VARCHAR,              -- NULL: all pools together
    horizon_hours   DOUBLE,               -- NULL: the figure has none
    baseline        VARCHAR,              -- what it is measured against
    value           DOUBLE NOT NULL,
    low             DOUBLE NOT NULL,      -- 90 % interval, whole days redrawn
    high            DOUBLE NOT NULL,
    n               BIGINT NOT NULL,      -- forecasts, lives or starts it rests on
    days            INTEGER NOT NULL,
    baseline_value  DOUBLE,               -- on the same things
    apart_low       DOUBLE,               -- 90 % interval of value less baseline_value
    apart_high      DOUBLE
);

CREATE TABLE backtest_bin (
    backtest_id    VARCHAR NOT NULL,
    horizon_hours  DOUBLE NOT NULL,
    forecast       VARCHAR NOT NULL,      -- ours, or a baseline's name
    low            DOUBLE NOT NULL,       -- chances from here
    high           DOUBLE NOT NULL,       -- to here
    count          BIGINT NOT NULL,
    chance         DOUBLE,                -- mean of the chances; NULL: none fell here
    came           DOUBLE,                -- share that came, with its 90 % interval
    came_low       DOUBLE,
    came_high      DOUBLE
);
