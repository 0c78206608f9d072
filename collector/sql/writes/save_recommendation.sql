-- Keep an answer; the first body under an id stands. Params: as the columns, $at for saved_at.
INSERT INTO recommendation VALUES ($recommendation_id, $as_of, $request, $body, $at) ON CONFLICT DO NOTHING;
