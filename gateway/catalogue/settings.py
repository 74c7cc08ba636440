"""Where the catalogue is kept, and how often the inside is asked for it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.strict_yaml import Settings


class CatalogueSettings(Settings):
    """Without a CEP service, the file is written by hand."""

    file: Path
    """The gateway writes it, so its directory must be its own; it need not be there at first."""
    refresh_seconds: Annotated[float, Field(ge=60, le=604800)] = 3600
    """How often CEP services whose transition needs no user are asked. Windows clients come every 8 hours
    ([MS-XCEP] appendix B, <4>), and an administrator who has changed a template waits for the catalogue."""
