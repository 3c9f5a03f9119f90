"""Tables and statements of the PostgreSQL storage."""

from __future__ import annotations

LAYOUT = 1
"""The version of these tables."""
TABLES = f"""
CREATE SCHEMA IF NOT EXISTS rung;
CREATE TABLE rung.layout (version integer NOT NULL);
INSERT INTO rung.layout VALUES ({LAYOUT});
CREATE TABLE rung.study (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text UNIQUE NOT NULL,
    key text NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    changed timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner text
);
CREATE TABLE rung.event (
    study integer NOT NULL,
    seq bigint NOT NULL,
    id text NOT NULL,
    epoch bigint NOT NULL,
    t double precision NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    crc bigint NOT NULL,
    PRIMARY KEY (study, seq),
    UNIQUE (study, id)
);
CREATE FUNCTION rung.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR EXISTS (SELECT FROM rung.study WHERE number = OLD.study) THEN
        RAISE EXCEPTION 'append only';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rung.event
    FOR EACH ROW EXECUTE FUNCTION rung.append_only();
"""  # noqa: S608 -- a number of our own
APPEND = """
WITH mine AS (
    UPDATE rung.study SET events = events + %s, changed = clock_timestamp()
    WHERE number = %s AND epoch = %s AND events = %s RETURNING number
)
INSERT INTO rung.event SELECT mine.number, new.* FROM mine, json_to_recordset(%s) AS new (
    seq bigint, id text, epoch bigint, t float8, kind text, body text, crc bigint)
"""
"""The rows are one parameter, an array of JSON objects: that is half the work of seven arrays."""
PAGE = """
SELECT seq, id, epoch, t, kind, body, crc FROM rung.event WHERE study = %s AND seq > %s
ORDER BY seq LIMIT 5000
"""
CHECKSUM = """
SELECT md5(string_agg(md5(concat_ws(chr(31), seq, id, epoch, t, kind, body, crc)), '' ORDER BY seq))
FROM rung.event WHERE study = %s AND seq > %s AND seq <= %s
"""
STUDIES = """
SELECT name, extract(epoch FROM changed)::float8, CASE WHEN number::oid IN (
    SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN owner END
FROM rung.study ORDER BY changed DESC
"""
WRITER = """
SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                  WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
    set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)
"""
"""A commit is on the disk when it is acknowledged; a machine that is gone is noticed in 25 s."""
LOCK = 0x72756E67
"""The first key of rung's advisory locks ("rung"); the second is the study's number."""
TAKE = "UPDATE rung.study SET epoch = epoch + 1, owner = %s WHERE number = %s RETURNING epoch, events"
END_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = %s AND datname = current_database()
"""
