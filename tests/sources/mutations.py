"""Real files bent at random: bytes flipped, slices cut out, doubled or moved, values replaced."""

import re

from hypothesis import strategies as st

_VALUE = re.compile(r">[^<>]+<|\"[^\"<>]*\"|(?<=[:=\s])[-+]?\d[\d.]*")
_JUNK = ("", " ", "0", "-1", "181", "1e400", "NaN", "1_0", "\u0661", "\u00e9", "x" * 70, "true")


@st.composite
def mutated(draw: st.DrawFn, content: bytes, most: int = 6) -> bytes:
    """A file's bytes after one to `most` mutations; the same draw gives the same bytes."""
    bent = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        if not bent:
            break
        at = draw(st.integers(0, len(bent) - 1))
        until = min(len(bent), at + draw(st.integers(1, 200)))
        match draw(st.sampled_from(("flip", "write", "delete", "double", "cut", "move"))):
            case "flip":
                bent[at] ^= 1 << draw(st.integers(0, 7))
            case "write":
                bent[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del bent[at:until]
            case "double":
                bent[at:at] = bent[at:until]
            case "cut":
                del bent[at:]
            case "move":
                piece = bent[at:until]
                del bent[at:until]
                to = draw(st.integers(0, len(bent)))
                bent[to:to] = piece
    return bytes(bent)


@st.composite
def reworded(draw: st.DrawFn, text: str, most: int = 4) -> bytes:
    """A text file with one to `most` of its values replaced, so that most drawn are well formed."""
    for _ in range(draw(st.integers(1, most))):
        found = list(_VALUE.finditer(text))
        if not found:
            break
        value = found[draw(st.integers(0, len(found) - 1))]
        junk = draw(st.sampled_from(_JUNK))
        around = value[0] if value[0][:1] in {">", '"'} else ""
        new = f"{around[:1]}{junk}{around[-1:]}"
        text = text[: value.start()] + new + text[value.end() :]
    return text.encode()


def bent(text: str) -> st.SearchStrategy[bytes]:
    """A text file's bytes bent in either way."""
    return mutated(text.encode()) | reworded(text)
