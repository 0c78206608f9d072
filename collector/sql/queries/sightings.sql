-- What was seen of a pool by probing, and when was each word on it learnt?
--
-- Grain    one row per observation, superseded ones included: a backtest needs what was believed then
-- Params   $pool_id, $from_at, $until_at TIMESTAMPTZ; $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  effective_s, observed_s   seconds since 1970
--          share      of what was wanted that could be had, at most 1
--          holds_s    what the observation stands for
--          source_id, synthetic      who says so; whether it was generated
-- Of one instant the largest size asked for comes last, and speaks.
SELECT epoch(effective_at) AS effective_s, epoch(observed_at) AS observed_s,
       least(obtainable / greatest(wanted, 1), 1.0) AS share, holds_s, source_id, source.kind = 'synthetic' AS synthetic
FROM probe JOIN source USING (source_id)
WHERE pool_id = $pool_id AND effective_at BETWEEN $from_at AND $until_at
  AND effective_at <= $as_of AND observed_at <= $as_of
ORDER BY effective_at, observed_at, wanted;
