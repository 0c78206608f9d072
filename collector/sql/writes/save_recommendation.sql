-- Keep an answer; the first body under an id stands. Params: as the columns, $at for saved_at.
INSERT INTO recommendation
SELECT $recommendation_id, $as_of, $request, $body, $at
WHERE $recommendation_id NOT IN (SELECT recommendation_id FROM recommendation);
