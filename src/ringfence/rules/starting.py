"""A new pack to begin with: one rule, with a test of each verdict and of each day about its date."""

import re
from pathlib import Path

from ringfence.errors import UsageError
from ringfence.rules.labels import LABELS

_ID = re.compile(r"[a-z][a-z0-9-]{1,59}")

_MANIFEST = """\
id = "{id}"
title = "The instrument, in words"
jurisdiction = "{country}"
issued_by = "Who issued it"
language = "en"
version = "0.1.0"
binds = "Whom it binds"
secrecy = "{secrecy}"
names = "vendors"

[[not_encoded]]
id = "R-2"
title = "A requirement whose text nobody has read yet"
why = "source not read"
reason = "not encoded: source not read"
"""

_RULE = """\
id = "R-1"
title = "No equipment of a designated vendor"
grade = "S"
source = "Where you read it"
binds = "Whom it binds"
scope = "Every element"
test = "remove by"
subjects = "element"
severity = "high"
metric = "An element made by a designated vendor, or by one it controls"

select = '''
SELECT id AS subject, verdict(is_listed) AS verdict, 'made by ' || made_by AS because
FROM element
'''

[citation]
document = "The document"
section = "The section"
date = 2026-01-01

[[phase]]
from = 2026-01-01
effect = "announced"
status = "binding, date in future"

[[phase]]
after = 2027-12-31
effect = "binding"
status = "legally binding now"
"""

_TESTS = """\
[given]
vendor = [
  {{ id = "listed", name = "Listed", is_independent = true }},
  {{ id = "other", name = "Other", is_independent = true }},
]
designation = [{{ vendor = "listed", instrument = "{id}" }}]
element = [
  {{ id = "of-listed", vendor = "listed" }},
  {{ id = "of-other", vendor = "other" }},
  {{ id = "of-nobody" }},
]

[[test]]
name = "before it was issued there is no rule"
as_of = 2025-12-31
not_in_force = true

[[test]]
name = "until the deadline, that day included, nothing is amiss yet"
as_of = [2026-01-01, 2027-12-30, 2027-12-31]
then = [
  {{ subject = "of-listed", verdict = "comply", due_on = 2027-12-31, verdict_when_due = "breach" }},
  {{ subject = "of-other", verdict = "comply" }},
  {{ subject = "of-nobody", verdict = "comply", due_on = 2027-12-31, verdict_when_due = "unknown" }},
]

[[test]]
name = "after the deadline a listed maker is a breach, and one nobody states is unknown"
as_of = 2028-01-01
then = [
  {{ subject = "of-listed", verdict = "breach" }},
  {{ subject = "of-other", verdict = "comply" }},
  {{ subject = "of-nobody", verdict = "unknown" }},
]
"""


def new_pack(folder: Path, *, country: str = "XX", secrecy: str = "public") -> list[Path]:
    """Write the files of a new pack into a folder that is empty or not there; returns them.

    The folder's name is the pack's. Raises `UsageError` where it cannot be one.
    """
    name = folder.resolve().name
    if not _ID.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a pack",
            where=str(folder),
            hint="small letters, digits and hyphens, beginning with a letter: xx-act-2026",
        )
    if secrecy not in LABELS:
        raise UsageError(f"{secrecy!r} is no label", hint=f"one of: {', '.join(LABELS)}")
    if not re.fullmatch("[A-Z]{2}", country):
        raise UsageError(f"{country!r} is no country", hint="two letters of ISO 3166-1: SE")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("is there already, and not empty", where=str(folder))
    texts = {
        "pack.toml": _MANIFEST.format(id=name, country=country, secrecy=secrecy),
        "rules/R-1.toml": _RULE,
        "rules/R-1.test.toml": _TESTS.format(id=name),
    }
    try:
        (folder / "rules").mkdir(parents=True)
        for place, text in texts.items():
            (folder / place).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(folder)) from error
    return [folder / place for place in texts]
