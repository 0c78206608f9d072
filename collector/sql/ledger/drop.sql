-- Forget every sum of a day; they are made anew from the facts.
DROP TABLE IF EXISTS price_day;
DROP TABLE IF EXISTS price_month;
DROP TABLE IF EXISTS probe_day;
DROP TABLE IF EXISTS touched_price;
DROP TABLE IF EXISTS touched_probe;
DROP TABLE IF EXISTS ledger_state;
DROP TABLE IF EXISTS pool_statistics;
