-- How well calibrated were the forecasts of a backtest?
--
-- Grain    one row per horizon, forecast and bin of chance
-- Params   $backtest_id
-- Columns  those of backtest_bin
SELECT * EXCLUDE (backtest_id) FROM backtest_bin
WHERE backtest_id = $backtest_id ORDER BY horizon_hours, forecast <> 'ours', forecast, low;
