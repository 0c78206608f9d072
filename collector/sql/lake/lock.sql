-- Hold the advisory lock of that name until the connection ends. Asked of PostgreSQL; the name is put in by psycopg.
SELECT pg_advisory_lock(hashtextextended(%s, 0))
