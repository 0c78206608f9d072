-- How did these days of a pool end?
--
-- Grain    one row per day with a price, the last first
-- Params   $pool_no; $from_day, $until_day DATE: from the first until before the second
-- Columns  day; effective_at, observed_at, nano (1e-9 USD per hour), series_no of the day's last row;
--          newest_at: when the last of the day's rows was observed
SELECT day, last_at AS effective_at, observed_at, last_nano AS nano, series_no, newest_at
FROM price_day WHERE pool_no = $pool_no AND day >= $from_day AND day < $until_day
ORDER BY day DESC;
