-- Does a table hold anything? $table is put in as quoted text. Grain: one row or none.
SELECT 1 AS filled FROM $table LIMIT 1;
