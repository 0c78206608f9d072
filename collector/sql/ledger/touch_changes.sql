-- Note the days on which prices were appended. Input: `changes` of append_prices.sql.
INSERT INTO touched_price SELECT DISTINCT series_no, effective_at::DATE FROM changes;
