# What Rotator's token needs in HashiCorp Vault or OpenBao, and no more. Tested on OpenBao 2.7.2: a token with this
# policy alone does all that the store does, and what is taken away here is named by `rotate check --online`.
#
#   vault policy write rotator deploy/permissions/vault.hcl      (or: bao policy write …)

# The documents. Put your own paths here, as narrow as they go. KV v2 has /data/ between mount and path; for a KV v1
# mount leave it out: "secret/prod/*". `create` is only for documents that Rotator may make. Nothing is ever deleted.
path "secret/data/prod/*" {
  capabilities = ["create", "read", "update"]
}

# To tell an expired token from a missing permission, and to name the one that is missing before anything is touched.
# Vault's `default` policy holds both; they stand here for tokens that go without it.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
