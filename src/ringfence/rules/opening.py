"""The one door by which a verb comes to the packs that a person names.

What the audience may not have is left out first, before a word is said of it. Of each pack that did
not come with the program it is then seen that nobody changed it after it was signed, and told who
signed it, whether that key is trusted, and that it runs walled; `rules.evaluate` sees to that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringfence.errors import PackError
from ringfence.rules.labels import for_audience, label_of
from ringfence.rules.pack import Pack, load_pack
from ringfence.rules.signatures import KEYS, Standing, standing_of


@dataclass(frozen=True, slots=True)
class Opened:
    """Packs that may be asked, in the order they were named, and how each stands, by its id."""

    packs: list[Pack]
    standings: Mapping[str, Standing]

    @property
    def label(self) -> str:
        """The label of an output that holds what all of them say."""
        return label_of(self.packs)


def open_packs(
    names: Sequence[str | Path],
    workspace: Path,
    *,
    audience: str | None = None,
    tell: Callable[[str], None],
) -> Opened:
    """The packs of these names or in these folders, each once, for an audience.

    `workspace` is the folder whose `keys` are trusted; it need not be there. `tell` is given a line
    of each pack that did not come with the program. Raises `VerificationError` where a pack was
    changed after it was signed, `PackError` where two have one name, and what `load_pack` and
    `for_audience` raise.
    """
    packs = for_audience([load_pack(name) for name in dict.fromkeys(names)], audience)
    places: dict[str, str] = {}
    for pack in packs:
        # What one says could not be told from what the other does.
        if pack.id in places:
            raise PackError(
                f"two packs are called {pack.id}",
                where=f"{places[pack.id]}, {pack.place}",
                hint="ask them one at a time, or give one another name",
            )
        places[pack.id] = pack.place
    standings = {pack.id: standing_of(pack, workspace / KEYS) for pack in packs}
    for pack in packs:
        if not pack.built_in:
            tell(f"{pack.id}: {standings[pack.id]}")
    return Opened(packs, standings)
