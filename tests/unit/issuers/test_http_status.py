"""What a status leaves open."""

from __future__ import annotations

import pytest

from providers.http.status import is_trouble, may_be_done


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 520, 599])
def test_what_failed_says_nothing_of_the_request(status):
    assert (is_trouble(status), may_be_done(status)) == (True, True)


@pytest.mark.parametrize("status", [302, 303])
def test_these_redirects_may_come_after_it_was_done(status):
    assert (is_trouble(status), may_be_done(status)) == (False, True)


@pytest.mark.parametrize("status", [301, 307, 308, 400, 401, 403, 404, 409, 412, 422, 429])
def test_the_others_come_instead_of_it(status):
    assert (is_trouble(status), may_be_done(status)) == (False, False)
