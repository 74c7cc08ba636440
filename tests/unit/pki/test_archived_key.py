"""Beside the vectors (`test_parse_request.py`): the hashes, and the shape of the key."""

from collections.abc import Callable
from hashlib import sha1, sha256, sha384, sha512
from typing import Any

import pytest

from gateway.pki import der, oids
from gateway.pki.archived_key import parse_archived_key
from gateway.pki.certificate_request import ArchivedKey
from tests.cmc import ENVELOPED_DATA, an_enveloped_key
from tests.requests import object_identifier, octet_string, sequence, tlv

KEY = an_enveloped_key()


def places(*keys: bytes) -> list[dict[str, list[Any]]]:
    return [{oids.ARCHIVED_KEY_ATTR: [der.element(key)]} for key in keys]


@pytest.mark.parametrize("hash_of", [sha1, sha256, sha384, sha512])
def test_the_hash_is_of_any_documented_kind(hash_of: Callable[[bytes], Any]) -> None:
    assert parse_archived_key(places(KEY), [hash_of(KEY).digest()]) == ArchivedKey(len(KEY))


def test_most_requests_have_no_key_to_archive() -> None:
    assert parse_archived_key([{}, {}], []) is None


def test_two_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="2 archived keys and 1 hashes"):
        parse_archived_key(places(KEY, KEY), [sha256(KEY).digest()])


def test_an_enveloped_data_is_a_sequence() -> None:
    stray = sequence(object_identifier(ENVELOPED_DATA), tlv(0xA0, octet_string(b"key")))

    with pytest.raises(ValueError, match="no SEQUENCE"):
        parse_archived_key(places(stray), [sha256(stray).digest()])
