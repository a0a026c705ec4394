# What Rotator's token needs in HashiCorp Vault or OpenBao, and no more. Tested on OpenBao 2.7.2: a token with this
# policy alone does all that the store does, and what is taken away here is named by `rotate check --online`.
#
#   vault policy write rotator deploy/permissions/vault.hcl      (or: bao policy write …)

# The documents. Put your own paths here, as narrow as they go. KV v2 has /data/ between mount and path; for a KV v1
# mount leave it out: "secret/prod/*". `create` is only for documents that Rotator may make. Nothing in force is ever deleted.
path "secret/data/prod/*" {
  capabilities = ["create", "read", "update"]
}

# After a compromise the versions with the old value are destroyed, so that nobody goes back to them (KV v2).
path "secret/destroy/prod/*" {
  capabilities = ["update"]
}

# To tell an expired token from a missing permission, to have a token live longer, and to name the permission that is
# missing before anything is touched. Vault's `default` policy holds all three; they stand here for tokens that go
# without it. Where Rotator signs in above the namespace of the documents, the last one takes the namespace's name:
# "team-a/sys/capabilities-self", as the documents do: "team-a/secret/data/prod/*".
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
