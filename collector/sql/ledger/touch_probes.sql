-- Note the days on which a merge of probes added rows. Input: `fresh` of that merge.
INSERT INTO touched_probe SELECT DISTINCT series_no, effective_at::DATE FROM fresh;
