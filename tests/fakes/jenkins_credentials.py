"""The credentials that a fake Jenkins keeps, with the XML that its plug-ins write and read.

By the source of credentials-plugin and plain-credentials-plugin: fields in the order of their classes, secrets
redacted on the way out and taken literally on the way in, unknown elements ignored, a fingerprint that changes with the
secret and is shown once a build has used it.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.sax.saxutils import escape

STRING = "org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl"
USERNAME_PASSWORD = "com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl"
SSH_KEY = "com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey"

_ALL = ("scope", "id", "description")
_FIELDS = {
    STRING: (*_ALL, "secret"),
    USERNAME_PASSWORD: (*_ALL, "username", "password", "usernameSecret"),
    SSH_KEY: (*_ALL, "username", "passphrase"),
}
_SECRETS = {STRING: "secret", USERNAME_PASSWORD: "password", SSH_KEY: "passphrase"}
_TYPE_NAMES = {STRING: "Secret text", USERNAME_PASSWORD: "Username with password", SSH_KEY: "SSH Username with key"}
_ENTITIES = {'"': "&quot;", "'": "&apos;", "\r": "&#xd;"}

_ivs = itertools.count(1)


class Oops(Exception):
    """An exception within Jenkins: the client gets a page and 500."""


@dataclass
class Credential:
    """One credential, in the clear. Each is a new object, with a new initialisation vector, after an update."""

    kind: str
    fields: dict[str, str]
    iv: int = field(default_factory=lambda: next(_ivs))

    @property
    def id(self) -> str:
        return self.fields["id"]

    @property
    def secret(self) -> str:
        return self.fields[_SECRETS[self.kind]]

    @property
    def shown(self) -> dict[str, str]:
        """Give every field but the secret."""
        return {name: text for name, text in self.fields.items() if name != _SECRETS[self.kind]}

    @property
    def type_name(self) -> str:
        return _TYPE_NAMES[self.kind]

    @property
    def fingerprint(self) -> str:
        """A description is no part of it."""
        identity = {**self.shown, "description": "", "secret": str(self.iv)}
        return hashlib.md5(repr(sorted(identity.items())).encode()).hexdigest()

    def with_secret(self, value: str) -> Credential:
        return Credential(self.kind, {**self.fields, _SECRETS[self.kind]: value})

    def xml(self) -> str:
        """As XStream prints it: no declaration, and letters as they are."""
        lines = [f'<{self.kind} plugin="credentials@1405.vb_cda_74a_f8974">']
        for name in _FIELDS[self.kind]:
            if name == _SECRETS[self.kind]:
                lines += [f"  <{name}>", "    <secret-redacted/>", f"  </{name}>"]
            elif name in self.fields:
                lines.append(f"  <{name}>{escape(self.fields[name], _ENTITIES)}</{name}>")
        return "\n".join([*lines, f"</{self.kind}>"])


def credential_of(xml: str) -> Credential:
    """Read what was sent. A secret's text is the secret, whatever it is: a placeholder leaves blanks."""
    try:
        root: Element = fromstring(xml)
    except ParseError as error:
        raise Oops("java.io.IOException: Failed to parse credential") from error
    if root.tag not in _FIELDS:
        raise Oops(f"com.thoughtworks.xstream.mapper.CannotResolveClassException: {root.tag}")
    known = {child.tag: child.text or "" for child in root if child.tag in _FIELDS[root.tag]}
    return Credential(root.tag, {_SECRETS[root.tag]: "", **known})
