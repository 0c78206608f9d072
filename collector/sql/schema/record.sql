-- The record of what was applied; the only table that no migration makes.
CREATE TABLE IF NOT EXISTS schema_migration (
    version     INTEGER NOT NULL,
    name        VARCHAR NOT NULL,
    checksum    VARCHAR NOT NULL,      -- SHA-256 of the script, in hex
    applied_at  TIMESTAMPTZ NOT NULL
);
