-- What does the database call itself? Grain: one row. Columns: name.
SELECT current_database() AS name;
