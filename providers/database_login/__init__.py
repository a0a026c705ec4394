"""What logins of databases share: ``options`` of a policy, and the ``value`` in which name and password are one."""
