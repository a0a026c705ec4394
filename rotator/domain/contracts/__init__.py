"""What providers promise. A provider imports this module (and its neighbours), and nothing else of the engine.

The engine branches on *traits*, never on names. Errors come in the families of ``errors``; a provider translates its
SDK's exceptions at its own door. Everything but ``Issuer.issue`` may be called twice.
"""

from rotator.domain.contracts.access import NO_BUDGET, Access, Budget, NoBudget
from rotator.domain.contracts.issuing import (
    Coexistence,
    ExpiryRules,
    Instructions,
    Issued,
    Issuer,
    IssuerByHand,
    IssueRequest,
    IssuerTraits,
    NameRules,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.contracts.plugins import (
    Credential,
    IssuerPlugin,
    ProfileReader,
    StorePlugin,
    Where,
    everything_but,
)
from rotator.domain.contracts.settings import Config, Options
from rotator.domain.contracts.storing import Place, Store, Stored, StoreTraits, VersionedStore

__all__ = [
    "NO_BUDGET",
    "Access",
    "Budget",
    "Coexistence",
    "Config",
    "Credential",
    "ExpiryRules",
    "Instructions",
    "IssueRequest",
    "Issued",
    "Issuer",
    "IssuerByHand",
    "IssuerPlugin",
    "IssuerTraits",
    "NameRules",
    "NoBudget",
    "Options",
    "Place",
    "ProfileReader",
    "Revocation",
    "Store",
    "StorePlugin",
    "StoreTraits",
    "Stored",
    "TokenInfo",
    "Verdict",
    "Verification",
    "VersionedStore",
    "Where",
    "everything_but",
]
