"""Submissions and answers as they are kept: JSON. Fields that a newer version may add are passed over."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import StateUnavailable
from gateway.protocol.wstep import Issued
from gateway.state.state import Entry
from gateway.submission import Submission


class _Document(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", frozen=True)

    def to_bytes(self) -> bytes:
        return self.model_dump_json().encode()


class Line(_Document):
    """Under a RequestID."""

    submission: Submission


class Repeat(_Document):
    """Under the digest of a submission."""

    request_id: str
    answer: Issued | None = None
    """What the CA sent and was released, for whoever asks for the same again."""


_D = TypeVar("_D", bound=_Document)


def read(kind: type[_D], entry: Entry) -> _D:
    """Raises StateUnavailable for what no version of this program has written."""
    try:
        return kind.model_validate_json(entry.value)
    except ValidationError as error:
        raise StateUnavailable(
            f"the entry {entry.key} of the ledger cannot be read: was it written by a newer version of the gateway?"
            " Let all that share the state have one version"
        ) from error
