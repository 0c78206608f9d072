-- Note the days on which a merge of prices added or moved rows. Input: `fresh`, `judged` of that merge.
INSERT INTO touched_price
SELECT DISTINCT series_no, effective_at::DATE
FROM (SELECT series_no, effective_at FROM fresh UNION ALL SELECT series_no, effective_at FROM judged);
