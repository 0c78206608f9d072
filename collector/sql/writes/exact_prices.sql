-- Texts as exact prices. Input `texts`: price_usd_per_hour. Answer: one row per text, in their order.
SELECT price_usd_per_hour::DECIMAL(18, 9) AS price_usd_per_hour FROM texts;
