-- From when to when do dated facts reach? Grain: one row. Columns: first, last effective_at, NULL in an
-- empty store. No $as_of: it describes the store itself. List prices are left out, for they
-- carry no end, and traces of an unrecorded place, for their dates are made up.
SELECT min(first) AS first, max(last) AS last
FROM (
    SELECT min(effective_at) AS first, max(effective_at) AS last FROM price_point WHERE kind <> 'list'
    UNION ALL SELECT min(effective_at), max(effective_at) FROM price_repeat WHERE kind <> 'list'
    UNION ALL SELECT min(effective_at), max(effective_at) FROM probe
    UNION ALL SELECT min(began_at), max(coalesce(ended_at, observed_at))
              FROM tenure JOIN pool USING (pool_id) WHERE region <> 'unrecorded'
);
