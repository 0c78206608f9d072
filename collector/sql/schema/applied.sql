-- What was applied? Grain: one row per migration. Columns: version, checksum.
SELECT version, checksum FROM schema_migration ORDER BY version;
