"""For the tests of providers, ours and third parties': the contracts as classes to inherit, an ``Access``, and a clock.

Needs pytest (the extra ``testing``). Nothing in the product imports it, and it knows the domain only.
"""

from __future__ import annotations

import pytest

# Their asserts say what differed, as those of a test module do.
pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("issuer_contract", "store_contract", "store_traits"))
)
