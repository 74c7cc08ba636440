"""The catalogue's file, read and written."""

from pathlib import Path

from gateway.policy.catalogue import Catalogue
from gateway.policy.catalogue_document import read_catalogue
from gateway.strict_yaml import Mistake, Mistaken


def read_text(file: Path) -> str | None:
    """None where there is no file yet. Raises Mistaken."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Mistaken((Mistake(str(file), 0, "", f"cannot be read: {error}"),)) from error


def read_file(file: Path) -> Catalogue:
    """An empty one where there is no file yet. Raises Mistaken with every mistake."""
    text = read_text(file)
    return Catalogue() if text is None else read_catalogue(text, file)


def write_text(file: Path, text: str) -> None:
    """Put it in the place of the file at once, so that nobody reads half of it. Raises OSError."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
