"""A credential as Jenkins shows it: XML with its secret redacted, and all that must be sent back as it was.

Jenkins replaces the whole credential by what it is sent. So a document goes back only if we know its kind, and if
its one placeholder stands where the new secret goes: a ``<secret-redacted/>`` that is sent back becomes the secret
itself (credentials-plugin, ``CredentialsStoreAction``: nothing there reads the placeholder).

The standard library parses it. That is safe because a document type is refused before any entity can be declared: what
is left are the five entities of XML itself and character references, which do not grow.
"""

from __future__ import annotations

import hashlib
import json
import re
from copy import deepcopy
from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, tostring

from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_SECRET_OF: Final = {
    "org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl": "secret",
    "com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl": "password",
}
"""The kinds that we know, by their class in Jenkins, with the element that holds their secret."""

_CLASS: Final = re.compile(r"[A-Za-z0-9_.-]{1,120}\.[A-Za-z0-9_-]{1,80}")
"""As XStream writes one: ``$`` is ``_-``."""

_REDACTED: Final = "secret-redacted"
_DEEPEST: Final = 8
"""Far deeper than a credential of these kinds: it has fields, and its secret's field has the placeholder."""

_NOT_IN_XML: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A carriage return is in XML, too, and only as a reference: whether Jenkins keeps that is not known."""
_UNSHOWABLE: Final = "?"
"""What Java writes for a letter that the answer's encoding does not have."""


class Unusable(Exception):
    """This document cannot be sent back whole: why, in words for people, and what to do."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy


class Document:
    """One credential, all but its secret. Made by ``parse``."""

    def __init__(self, root: Element, secret: Element) -> None:
        self._root = root
        self._secret = secret

    def __repr__(self) -> str:
        return f"Document({self.kind})"

    @property
    def kind(self) -> str:
        """The last word of its class."""
        return self._root.tag.rpartition(".")[2]

    @property
    def version(self) -> Version:
        """A digest of all that is shown. A new secret does not change it, nor does a newer release of a plug-in."""
        shown = [self._root.tag, *([field.tag, field.text or ""] for field in self._root if field is not self._secret)]
        return Version(hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:32])

    def with_secret(self, value: SecretValue) -> bytes:
        """Give the document to send, in ASCII: it means the same in whatever encoding Jenkins reads it."""
        root = deepcopy(self._root)
        secret = root[list(self._root).index(self._secret)]
        del secret[:]
        secret.text = value.reveal()
        document: bytes = tostring(root, encoding="us-ascii")
        return document.replace(b"\r", b"&#13;")  # a bare one, in a description, would be read as a line feed


def parse(body: bytes, charset: str | None, credential: str, description: str | None) -> Document:
    """Read what Jenkins shows of a credential. Unusable where it could not be sent back without a loss.

    Jenkins writes the document in the encoding that the servlet container takes where none is set: by the servlet
    specification that is ISO-8859-1, which has a question mark for most of the world's letters. ``description`` is the
    same text as Jenkins' JSON has it, and is put back; another field with a question mark is refused.
    """
    root = _root(_decoded(body, charset))
    field = _SECRET_OF.get(root.tag)
    if field is None:
        raise Unusable(*_another_kind(root.tag))
    secret = _placeholder(root, field)
    others = [element for element in root if element is not secret]
    if any(len(element) for element in others) or root.findtext("id") != credential:
        raise Unusable("it is described in another way than is known")
    for element in others:
        if element.tag == "description" and description is not None:
            element.text = description
        elif element.tag != "id" and not _has_every_letter(charset) and _UNSHOWABLE in (element.text or ""):
            raise Unusable(
                f"its `{element.tag}` has a question mark, which may stand for a letter that Jenkins could not show",
                "Sending it back might change it. Use letters of Latin-1 there, and no question mark.",
            )
    if any(_NOT_IN_XML.search((element.text or "").replace("\r", "")) for element in others):
        raise Unusable("its description has characters that do not travel in XML", "Take them out.")
    return Document(root, secret)


def _has_every_letter(charset: str | None) -> bool:
    return charset is not None and charset.startswith("utf")


def refuse_what_xml_cannot_carry(value: SecretValue) -> None:
    """Raise Unusable for a value that would arrive as another one, or not at all."""
    if _NOT_IN_XML.search(value.reveal()):
        raise Unusable(
            "the value has a carriage return or another character that does not travel in XML",
            "Tokens have none: check what the issuer gives.",
        )


class _Strict(TreeBuilder):
    """Builds a tree, and stops at a document type, which alone could declare entities, and at absurd depths."""

    _depth = 0

    def doctype(self, *_declared: object) -> None:
        raise Unusable("its XML has a document type, which Jenkins never writes")

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unusable("its XML is nested deeper than any credential that is known")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _root(text: str) -> Element:
    parser = XMLParser(target=_Strict())  # noqa: S314  no document type gets in, and so no entity: see above
    try:
        parser.feed(text)
        root = parser.close()
    except (ParseError, ValueError):
        # The cause would quote the document.
        raise Unusable("the answer is no XML", "Is there a login page or a proxy in front?") from None
    assert isinstance(root, Element)
    return root


def _decoded(body: bytes, charset: str | None) -> str:
    if charset is not None:
        try:
            return body.decode(charset)
        except (LookupError, ValueError):
            raise Unusable("its encoding is not what the answer says") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("iso-8859-1")


def _placeholder(root: Element, field: str) -> Element:
    """Find the element whose secret is redacted. Unusable where another one is redacted, or this one is not."""
    holders = root.findall(field)
    redacted = list(root.iter(_REDACTED))
    if len(holders) != 1 or len(redacted) != 1 or list(holders[0]) != redacted:
        raise Unusable(f"it does not have one redacted `{field}`, and nothing else that is redacted")
    return holders[0]


def _another_kind(tag: str) -> tuple[str, str]:
    if not _CLASS.fullmatch(tag):
        return "the answer is no credential", "Is there a login page or a proxy in front?"
    return (
        f"it is a credential of another kind ({tag.rpartition('.')[2]})",
        "What can be written is the secret of a `Secret text`, and the password of a `Username with password`.",
    )
