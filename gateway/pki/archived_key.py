"""A private key on its way to the CA's archive ([MS-WCCE] 3.1.1.4.3.6.1, 3.2.2.6.2.1.2.2).

The key is encrypted to the CA and stands outside of every signature; its hash is signed. Nobody here can read it, and
only that the two belong together is verified.
"""

from collections.abc import Iterable
from hashlib import sha1, sha256, sha384, sha512

from cryptography.hazmat import asn1

from gateway.pki import attributes, der, oids
from gateway.pki.attributes import IndexedAttributes
from gateway.pki.certificate_request import ArchivedKey

_HASHES = {20: sha1, 32: sha256, 48: sha384, 64: sha512}
"""By their length, for the hash does not say its name. SHA-1 is documented, and binds well enough what is no secret:
an encrypted key of the same SHA-1 as another's that exists is not in anybody's reach (a second preimage)."""


def parse_archived_key(unsigned: Iterable[IndexedAttributes], hashes: Iterable[bytes]) -> ArchivedKey | None:
    """The one archived key among these unsigned attributes.

    `hashes` are those that the signed parts of the request state. Raises ValueError if there is a hash without a key, a
    key without its hash, or more than one of either.
    """
    keys = [key for place in unsigned for key in attributes.read(place, oids.ARCHIVED_KEY_ATTR, _enveloped_data)]
    stated = list(hashes)
    if not keys and not stated:
        return None
    if len(keys) != 1 or len(stated) != 1:
        raise ValueError(
            f"{len(keys)} archived keys and {len(stated)} hashes of one: just one of each belongs together"
        )
    hash_of = _HASHES.get(len(stated[0]))
    if hash_of is None or hash_of(keys[0]).digest() != stated[0]:
        raise ValueError("szOID_ENCRYPTED_KEY_HASH is not the hash of the archived key")
    return ArchivedKey(len(keys[0]))


def _enveloped_data(value: asn1.TLV) -> bytes:
    content_info = der.read(der.ContentInfo, value)
    if content_info.content_type.dotted_string != oids.ENVELOPED_DATA:
        raise ValueError(f"a ContentInfo of {content_info.content_type.dotted_string}, wanted envelopedData")
    if content_info.content.tag_bytes != der.SEQUENCE:
        raise ValueError("an envelopedData that is no SEQUENCE")
    return der.encode(value)
