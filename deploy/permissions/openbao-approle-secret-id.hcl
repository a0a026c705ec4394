# What Rotator's token needs in OpenBao or HashiCorp Vault to replace the secret ids of the AppRole `billing`, and no more.
# Tested on OpenBao 2.7.2: a token with this policy does all that the issuer does.
#
#   bao policy write rotator-billing deploy/permissions/openbao-approle-secret-id.hcl      (or: vault policy write …)
#
# Whoever may make a secret id and read the role's id can log in as the role. So it cannot read the role's id here:
# name the roles one by one, never "auth/approle/role/*".
path "auth/approle/role/billing/secret-id" {
  capabilities = ["update", "list"]
}
path "auth/approle/role/billing/secret-id/lookup" {
  capabilities = ["update"]
}
path "auth/approle/role/billing/secret-id-accessor/lookup" {
  capabilities = ["update"]
}
path "auth/approle/role/billing/secret-id-accessor/destroy" {
  capabilities = ["update"]
}

# Only for policies with `end_logins: true`: these three can end any token of the namespace, not only the role's.
path "auth/token/accessors" {
  capabilities = ["list", "sudo"]
}
path "auth/token/accessors/" {
  capabilities = ["list", "sudo"]
}
path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}
