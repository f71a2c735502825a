"""Authors are hashed with a key that is made once and kept from view."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from breakcast.errors import BadInput
from breakcast.history.identity import AuthorIdentity

KEY = bytes(range(32))


def test_the_same_name_and_key_give_the_same_hash_everywhere() -> None:
    assert AuthorIdentity(KEY)("ada") == AuthorIdentity(KEY)("ada")


def test_another_key_gives_another_hash() -> None:
    assert AuthorIdentity(KEY)("ada") != AuthorIdentity(bytes(32))("ada")


def test_a_hash_is_sixteen_hexadecimal_digits() -> None:
    hashed = AuthorIdentity(KEY)("Ada Lovelace <ada@example.org>")
    assert len(hashed) == 16
    assert int(hashed, 16) > 0


def test_an_exported_hash_is_not_hashed_again() -> None:
    identity = AuthorIdentity(KEY)
    assert identity("h:" + identity("ada")) == identity("ada")


def test_a_name_that_only_looks_exported_is_hashed() -> None:
    identity = AuthorIdentity(KEY)
    assert identity("h:ada") != "ada"
    assert identity("h:0123456789abcdef0") != "0123456789abcdef0"


def test_the_key_is_in_neither_repr_nor_attributes() -> None:
    identity = AuthorIdentity(KEY)
    assert repr(KEY)[2:-1] not in repr(identity)
    assert not hasattr(identity, "__dict__")


def test_a_key_of_another_length_is_refused_without_being_shown() -> None:
    with pytest.raises(BadInput, match="has 6 bytes; it needs 32") as refused:
        AuthorIdentity(b"secret")
    assert "secret" not in str(refused.value)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    first = AuthorIdentity.load(home)
    second = AuthorIdentity.load(home)
    assert first("ada") == second("ada")
    mode = stat.S_IMODE((home / "author.key").stat().st_mode)
    assert mode == 0o600
    assert [file.name for file in home.iterdir()] == ["author.key"]


def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "author.key").write_bytes(b"short")
    with pytest.raises(BadInput, match="holds 5 bytes; an author key has 32"):
        AuthorIdentity.load(tmp_path)
    assert (tmp_path / "author.key").read_bytes() == b"short"


def test_a_key_that_cannot_be_made_is_told_about(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="can be neither read nor made"):
        AuthorIdentity.load(tmp_path / "file")


def _hash_ada(home: Path) -> str:
    return AuthorIdentity.load(home)("ada")


def test_processes_that_race_for_the_key_agree_on_one(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        hashes = pool.map(_hash_ada, [tmp_path] * 16, chunksize=1)
    assert len(set(hashes)) == 1
