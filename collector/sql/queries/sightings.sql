-- What was seen of some series by probing, and when was each word on it learnt?
--
-- Grain    one row per observation, superseded ones included: a backtest needs what was believed then
-- Params   $series_nos INTEGER[]; $from_at, $until_at TIMESTAMPTZ; $as_of TIMESTAMPTZ: nothing observed later is seen
--          $known_at TIMESTAMPTZ: what was both in effect and observed by then is left out
-- Columns  series_no
--          effective_us, observed_us   microseconds since 1970
--          wanted, obtainable          instances asked for, and had
--          holds_s                     what the observation stands for
-- In no order: whoever asks sorts numbers in a tenth of the time, and names come from series_of_pools.
SELECT series_no, epoch_us(effective_at) AS effective_us, epoch_us(observed_at) AS observed_us,
       wanted, obtainable, holds_s
FROM probe_seen
WHERE series_no IN (SELECT unnest($series_nos))
  AND effective_at BETWEEN $from_at AND $until_at AND effective_at <= $as_of AND observed_at <= $as_of
  AND (effective_at > $known_at OR observed_at > $known_at);
