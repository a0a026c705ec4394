-- What Rotator needs on a PostgreSQL server (14 or later). Once, by a superuser or your provider's administrator, in the
-- database that the connection's `url` names; put your own names in place of app_owner and rotator:
--
--   psql -d app -f postgresql-login.sql
--   psql -d app -c '\password rotator'     -- hashed by psql, so that no log shows it

-- Owns the application's objects. Nobody logs in with it; each login that Rotator makes is a member, and acts as it.
CREATE ROLE app_owner NOLOGIN;
DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO app_owner', current_database()); END $$;

-- Rotator's own role. It may make roles, and alter and drop those it made.
CREATE ROLE rotator LOGIN CREATEROLE CONNECTION LIMIT 10;
DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO rotator', current_database()); END $$;

-- To end the sessions of an old login. Not needed where policies say `sessions: wait`.
GRANT pg_signal_backend TO rotator;

-- To grant the owner role to new logins, without the rights of that role. Until PostgreSQL 15, CREATEROLE is enough for
-- that, and ADMIN OPTION would make Rotator a member.
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT app_owner TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE';
    END IF;
END $$;
