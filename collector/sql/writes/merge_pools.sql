-- Make pools and SKUs known. `incoming` holds the distinct pool keys, `incoming_sku` the SKUs
-- of the batch. The first description of a SKU stands.
INSERT INTO sku BY NAME SELECT * FROM incoming_sku ON CONFLICT DO NOTHING;
INSERT INTO pool BY NAME SELECT * FROM incoming ON CONFLICT DO NOTHING;
