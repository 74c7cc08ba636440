"""What an administrator is told about an import."""

from gateway.policy.tamemycerts.yaml_text import ToFillIn


class Remarks:
    """Collects them, each once and in order."""

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}
        self._to_decide: dict[str, None] = {}
        self._to_fill_in: dict[str, None] = {}

    def note(self, text: str) -> None:
        """Something reads differently, or stricter, than in the original."""
        self._notes[text] = None

    def decide(self, text: str) -> None:
        """The original is stricter here: nobody but an administrator can say what shall take its place."""
        self._to_decide[text] = None

    def to_fill_in(self, place: ToFillIn) -> ToFillIn:
        self._to_fill_in[place.comment] = None
        return place

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @property
    def to_decide(self) -> tuple[str, ...]:
        return tuple(self._to_decide)

    @property
    def open(self) -> tuple[str, ...]:
        """Everything that keeps the outcome from being loaded."""
        return (*self._to_fill_in, *self._to_decide)
