"""The two ways in which a CA says no."""

from gateway.lab.hresult import HResult


class RequestUnreadable(Exception):
    """The CA cannot process these bytes as a request: its HRESULT."""

    def __init__(self, hresult: HResult) -> None:
        super().__init__(hresult.text)
        self.hresult = hresult


class Denial(Exception):
    """The policy module says no; `detail` is its own text, where it has one."""

    def __init__(self, hresult: HResult, detail: str | None = None) -> None:
        super().__init__(detail or hresult.text)
        self.hresult = hresult
