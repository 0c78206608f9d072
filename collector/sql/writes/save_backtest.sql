-- Keep a backtest with its figures and calibration, once; the first under an id stands.
--
-- Input    `told_figures`, `told_bins`: the columns of backtest_figure and backtest_bin but the id
-- Params   named as the columns of backtest
INSERT INTO backtest_figure BY NAME
SELECT $backtest_id AS backtest_id, * FROM told_figures
WHERE $backtest_id NOT IN (SELECT backtest_id FROM backtest);

INSERT INTO backtest_bin BY NAME
SELECT $backtest_id AS backtest_id, * FROM told_bins
WHERE $backtest_id NOT IN (SELECT backtest_id FROM backtest);

INSERT INTO backtest
SELECT $backtest_id, $name, $from_at, $until_at, $every_hours, $window_hours, $origins, $pools, $job, $seed,
       $code_version, $sources, $synthetic, $left_out, $made_at
WHERE $backtest_id NOT IN (SELECT backtest_id FROM backtest);
