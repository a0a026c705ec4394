"""What becomes of a document: the one variable, its neighbours, and what readers make of them."""

from __future__ import annotations

import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dotenv import dotenv_values

from providers.stores.env_file import disk as env_file_disk
from providers.stores.env_file.dialects import Dialect, Unwritable, quote, with_value
from providers.stores.env_file.store import EnvFileConfig, EnvFilePlace, EnvFileStore
from rotator.domain.clock import SystemClock
from rotator.domain.errors import Conflict, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import (
    fresh,
    held,
    publish,
    version_of,
)
from tests.integration.env_file.readers import READERS, read_by_nodes_dotenv


def test_a_variable_that_is_not_there_yet_is_added_at_the_end(store: EnvFileStore, directory: Path) -> None:
    file = directory / "app.env"
    file.write_bytes(b"A=1\r\nB=2")
    place = EnvFilePlace(file=file, var="API_TOKEN")
    assert held(store.preflight(place)) is None
    publish(store, place, SecretValue("tok_new"))
    assert file.read_bytes() == b"A=1\r\nB=2\r\nAPI_TOKEN=tok_new"


def test_bytes_that_are_no_utf8_stay_as_they_are(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    file.write_bytes(b"\xef\xbb\xbfLATIN=\xe9\nAPI_TOKEN=start\n")
    publish(store, place, SecretValue("tok_new"))
    assert file.read_bytes() == b"\xef\xbb\xbfLATIN=\xe9\nAPI_TOKEN=tok_new\n"


def test_a_variable_defined_twice_is_refused_with_its_lines(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    file.write_text("API_TOKEN=one\nB=2\nAPI_TOKEN=two\n")
    with pytest.raises(Permanent, match="at lines 1 and 3"):
        store.preflight(place)
    with pytest.raises(Permanent, match="at lines 1 and 3"):
        store.write(place, fresh(), version_of(store.current(place)), "rotation-1")


def test_a_value_that_the_shell_computes_is_refused(store: EnvFileStore, file: Path) -> None:
    file.write_text('export API_TOKEN="$(cat /run/token)"\n')
    place = EnvFilePlace(file=file, var="API_TOKEN", dialect=Dialect.SHELL)
    assert held(store.current(place)) is None
    with pytest.raises(Permanent, match="computed by the shell"):
        store.preflight(place)


def test_a_value_that_dotenv_would_expand_is_refused(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    before = file.read_bytes()
    with pytest.raises(Permanent, match="expands"):
        publish(store, place, SecretValue("a${HOME}b"))
    assert file.read_bytes() == before


def test_what_dotenv_files_hold_python_and_node_read_alike() -> None:
    documents, expected = [], []
    for pieces in itertools.product("an'\"\\\n#$ `{=é", repeat=3):
        value = "".join(pieces)
        try:
            quoted = quote(value, Dialect.DOTENV)
        except Unwritable:
            continue
        documents.append(with_value("A=1\n", "API_TOKEN", None, quoted, Dialect.DOTENV) + "B='2'\n")
        expected.append({"A": "1", "API_TOKEN": value, "B": "2"})
    assert len(expected) > 1500
    assert [dotenv_values(stream=io.StringIO(document)) for document in documents] == expected
    assert read_by_nodes_dotenv(documents) == expected


@pytest.mark.parametrize("line", ["", "export API_TOKEN='start'\r\n", "API_TOKEN=start\r\n"])
def test_a_shell_reads_what_was_written_into_a_file_with_the_line_ends_of_dos(
    store: EnvFileStore, file: Path, line: str
) -> None:
    file.write_bytes(f"A=1\r\n{line}B=2\r\n".encode())
    place = EnvFilePlace(file=file, var="API_TOKEN", dialect=Dialect.SHELL)
    assert held(store.current(place)) == READERS[Dialect.SHELL](file, "API_TOKEN")
    publish(store, place, SecretValue("tok_new"))
    assert held(store.current(place)) == READERS[Dialect.SHELL](file, "API_TOKEN") == "tok_new"
    assert (READERS[Dialect.SHELL](file, "A"), READERS[Dialect.SHELL](file, "B")) == ("1\r", "2\r")


def test_a_neighbour_may_change_without_a_conflict(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    looked = version_of(store.current(place))
    file.write_text("A=changed\nAPI_TOKEN=start\nB=2\nC=3\n")
    version = store.write(place, SecretValue("tok_new"), looked, "rotation-1")
    assert file.read_text() == "A=changed\nAPI_TOKEN=tok_new\nB=2\nC=3\n"
    file.write_text(file.read_text() + "D=4\n")
    assert held(store.read(place, version)) == "tok_new"


def test_a_version_means_the_same_to_the_next_process_and_nothing_without_the_sidecar(
    store: EnvFileStore, place: EnvFilePlace
) -> None:
    written = publish(store, place, fresh())
    another = EnvFileStore(EnvFileConfig(), DictionaryAccess())
    assert version_of(another.current(place)) == written
    env_file_disk.sidecar(place.file).unlink()
    assert version_of(another.current(place)) != written


def test_looking_leaves_nothing_beside_the_file_and_what_it_saw_can_be_written_over(
    store: EnvFileStore, place: EnvFilePlace
) -> None:
    before = set(place.file.parent.iterdir())
    looked = version_of(store.preflight(place))
    assert version_of(store.current(place)) == looked
    assert set(place.file.parent.iterdir()) == before
    written = store.write(place, fresh(), looked, "rotation-1")
    assert version_of(store.current(place)) == written


def test_a_first_look_of_another_process_means_nothing_to_the_write(store: EnvFileStore, place: EnvFilePlace) -> None:
    looked = version_of(EnvFileStore(EnvFileConfig(), DictionaryAccess()).preflight(place))
    with pytest.raises(Conflict):
        store.write(place, fresh(), looked, "rotation-1")


def test_many_writers_of_one_file_lose_nothing(file: Path) -> None:
    access = DictionaryAccess()
    access.clock = SystemClock()  # they wait for each other in earnest
    store = EnvFileStore(EnvFileConfig(), access)
    places = [EnvFilePlace(file=file, var=f"TOKEN_{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda place: store.write(place, SecretValue(f"tok_of_{place.var}"), "absent", "k"), places))
    assert [held(store.current(place)) for place in places] == [f"tok_of_TOKEN_{number}" for number in range(12)]
    assert file.read_text().startswith("A=1\nAPI_TOKEN=start\nB=2\n")
