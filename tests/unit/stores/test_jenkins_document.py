"""A credential's XML: what is kept, what is replaced, and what is not sent back at all."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from providers.stores.jenkins.document import Document, Unusable, parse
from rotator.domain.secret_value import SecretValue

SHOWN = """\
<com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl plugin="credentials@2.1.14">
  <scope>GLOBAL</scope>
  <id>deploy-key</id>
  <description>Who &amp; where&#xd;
</description>
  <username>wecoyote</username>
  <password>
    <secret-redacted/>
  </password>
  <usernameSecret>true</usernameSecret>
</com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>"""

SECRET_TEXT = """\
<org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl>
  <id>deploy-key</id><secret><secret-redacted/></secret>
</org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl>"""

SSH_KEY = """\
<com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey plugin="ssh-credentials@1.13">
  <id>deploy-key</id>
  <privateKeySource class="com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey$Direct">
    <privateKey><secret-redacted/></privateKey>
  </privateKeySource>
</com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey>"""


def parsed(text: str = SHOWN, description: str | None = None) -> Document:
    return parse(text.encode(), None, "deploy-key", description)


@pytest.mark.parametrize(("text", "element"), [(SHOWN, "password"), (SECRET_TEXT, "secret")])
def test_only_the_placeholder_is_replaced(text: str, element: str) -> None:
    value = SecretValue("<b>&\"'\tkey ] ]>")
    sent = fromstring(parsed(text).with_secret(value))
    before = fromstring(text)
    secret = before.find(element)
    assert secret is not None
    secret.clear()
    secret.text = value.reveal()
    assert [(each.tag, each.attrib, each.text) for each in sent.iter()] == [
        (each.tag, each.attrib, each.text) for each in before.iter()
    ]


def test_what_is_sent_means_the_same_in_every_encoding() -> None:
    sent = parsed(SHOWN.replace("wecoyote", "küjöte")).with_secret(SecretValue("鍵\U0001f511"))
    assert sent.isascii()
    assert fromstring(sent).findtext("username") == "küjöte"
    assert fromstring(sent).findtext("password") == "鍵\U0001f511"


def test_the_same_document_can_be_given_twice_with_other_secrets() -> None:
    document = parsed()
    document.with_secret(SecretValue("first-value"))
    assert b"first-value" not in document.with_secret(SecretValue("second-value"))
    assert "wecoyote" not in repr(document)


def test_a_version_tells_edits_and_neither_releases_of_plug_ins_nor_blanks() -> None:
    version = parsed().version
    assert parsed(SHOWN.replace("2.1.14", "1405.v9")).version == version
    assert parsed(SHOWN.replace("\n  <", "\n<")).version == version
    for edited in ("SYSTEM", "wecoyote2", "false"):
        old = {"SYSTEM": "GLOBAL", "wecoyote2": "wecoyote", "false": "true"}[edited]
        assert parsed(SHOWN.replace(f">{old}<", f">{edited}<")).version != version


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_letters_are_understood_in_the_encoding_that_is_said_or_most_likely(encoding: str) -> None:
    body = SHOWN.replace("wecoyote", "küjöte").encode(encoding)
    expected = parsed(SHOWN.replace("wecoyote", "küjöte")).version
    assert parse(body, None, "deploy-key", None).version == expected
    assert parse(body, encoding, "deploy-key", None).version == expected
    with pytest.raises(Unusable, match="encoding"):
        parse(b"\xff\xfe", "utf-8", "deploy-key", None)
    for nonsense in ("no-such-encoding", "base64", "nul\0"):
        with pytest.raises(Unusable, match="encoding"):
            parse(body, nonsense, "deploy-key", None)


def test_a_description_comes_from_where_it_can_be_read_whole() -> None:
    sent = parsed(SHOWN, "鍵 & more").with_secret(SecretValue("a-value"))
    assert fromstring(sent).findtext("description") == "鍵 & more"
    assert fromstring(parsed(SECRET_TEXT, "鍵").with_secret(SecretValue("a-value"))).find("description") is None


REDACTED = "<password>\n    <secret-redacted/>\n  </password>"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no XML"),
        ("not XML", "no XML"),
        (SHOWN[:-20], "no XML"),
        ("<html><body/></html>", "no credential"),
        (SSH_KEY, r"another kind \(BasicSSHUserPrivateKey\)"),
        (SHOWN.replace(REDACTED, ""), "one redacted `password`"),
        (SHOWN.replace(REDACTED, "<password>{AQAAABAAAAAQ}</password>"), "one redacted `password`"),
        (SHOWN.replace(REDACTED, REDACTED * 2), "one redacted `password`"),
        (SHOWN.replace("wecoyote", "<secret-redacted/>"), "nothing else that is redacted"),
        (SHOWN.replace(REDACTED, "<password/>").replace("true", "<secret-redacted/>"), "one redacted `password`"),
        (SHOWN.replace("wecoyote", "<b>wecoyote</b>"), "another way"),
        (SHOWN.replace("deploy-key", "another-key"), "another way"),
        (SHOWN.replace("wecoyote", "we?coyote"), "`username` has a question mark"),
        (SHOWN.replace("wecoyote", "<a>" * 9 + "</a>" * 9), "deeper"),
        (f"<!DOCTYPE x>{SHOWN}", "document type"),
        (f'<!DOCTYPE x [<!ENTITY user "wecoyote">]>{SHOWN.replace("wecoyote", "&user;")}', "document type"),
        (SHOWN.replace("wecoyote", "&user;"), "no XML"),
    ],
)
def test_what_could_not_be_sent_back_whole_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unusable, match=why) as caught:
        parsed(text)
    assert "wecoyote" not in str(caught.value)


def test_a_description_that_does_not_travel_is_refused() -> None:
    with pytest.raises(Unusable, match="travel"):
        parsed(SHOWN, "half a pair \ud83d")


def test_what_expands_is_refused_before_it_grows() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises(Unusable, match="document type"):
        parsed(f'<!DOCTYPE x [<!ENTITY e0 "ha">{bomb}]><x>&e11;</x>')
