-- Which backtest was made last?
--
-- Grain    one row, none where none was made
-- Params   $as_of TIMESTAMPTZ: nothing made later is seen
-- Columns  those of backtest
FROM backtest WHERE made_at <= $as_of
ORDER BY made_at DESC, backtest_id LIMIT 1;
