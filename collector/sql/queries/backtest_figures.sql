-- What did a backtest find?
--
-- Grain    one row per figure, horizon, baseline and pool, in the order told
-- Params   $backtest_id
--          $pool_id   one pool's; NULL: those of all pools together
-- Columns  those of backtest_figure
SELECT * EXCLUDE (backtest_id, place) FROM backtest_figure
WHERE backtest_id = $backtest_id AND pool_id IS NOT DISTINCT FROM $pool_id::VARCHAR
ORDER BY place;
