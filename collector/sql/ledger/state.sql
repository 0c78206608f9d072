-- By which version was every day added up? Grain: one row or none. Columns: version.
SELECT max(version) AS version FROM ledger_state HAVING count(*) > 0;
