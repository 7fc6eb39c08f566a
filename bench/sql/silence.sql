-- Every NOTIFY is lost: a function of the same name is found before the real one, with search_path = public, silence, pg_catalog.
CREATE SCHEMA silence;
CREATE FUNCTION silence.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT';
