"""The sandbox: a small real issuer that ships with the product. ``python -m providers.issuers.sandbox`` runs it."""
