-- What Rotator needs on a MariaDB server (10.4 or later). Once, by an administrator; put your own names in place of
-- app_role, app, rotator and the address that Rotator connects from. For MySQL see docs/issuers/mysql-login.md.

-- Holds the application's rights. Rotator's logins have it, and nobody else may.
CREATE ROLE app_role;
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON app.* TO app_role;

-- Rotator's own account. Give it a long random password, kept where the connection's credential says; the hash is made by
--   SELECT PASSWORD('…');
-- on a connection that nobody logs.
CREATE USER rotator@'192.0.2.10' IDENTIFIED BY PASSWORD '*0000000000000000000000000000000000000000' REQUIRE SSL;
GRANT app_role TO rotator@'192.0.2.10' WITH ADMIN OPTION;
GRANT CREATE USER ON *.* TO rotator@'192.0.2.10';
-- To see sessions, and to end them. The second is not needed where policies say `sessions: wait`.
GRANT PROCESS ON *.* TO rotator@'192.0.2.10';
GRANT CONNECTION ADMIN ON *.* TO rotator@'192.0.2.10';
-- To see which accounts there are, and who has the role.
GRANT SELECT ON mysql.global_priv TO rotator@'192.0.2.10';
GRANT SELECT ON mysql.roles_mapping TO rotator@'192.0.2.10';
