-- What was answered? Grain: one row or none. Params: $recommendation_id. Columns: body (bytes).
SELECT body FROM recommendation WHERE recommendation_id = $recommendation_id;
