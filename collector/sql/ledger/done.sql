-- Note that every day was added up by these scripts. Params: $version.
INSERT INTO ledger_state VALUES ($version);
