-- Record one migration. Params: $version, $name, $checksum, $applied_at.
INSERT INTO schema_migration VALUES ($version, $name, $checksum, $applied_at);
