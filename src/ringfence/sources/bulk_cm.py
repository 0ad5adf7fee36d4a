"""3GPP files of bulk configuration: what a manager of a radio network exports about all of it.

The file format is that of TS 32.615 (Release 4 on), 32.616 and 28.616, the objects those of the
schemas it holds: 32.625 and 28.623 for what is general, 32.645, 32.655, 32.765, 28.653 to 28.659
and 28.541 for radio. Classes are known by their names, whatever the release of their namespace;
so are those that makers put into `VsDataContainer`.

The head's `vendorName` is the maker of what wrote the file. It is not put on the elements: one
manager may export elements of several makers, and what an element does not say is not known.
"""

from collections.abc import Iterator
from pathlib import Path

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.managed_object_xml import XmlReading, root_of

_ROOT = "bulkcmconfigdatafile"


class BulkCm:
    """Reads one file of bulk configuration, of any size, in bounded memory."""

    kind = "bulk-cm"
    describes = "3GPP bulk CM XML: configuration of a radio network as its manager exports it"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide by the outermost element."""
        root = root_of(head)
        if root is None or root[0].lower() != _ROOT:
            return Claim(0.0, "not a bulkCmConfigDataFile")
        return Claim(1.0, "an XML file whose outermost element is bulkCmConfigDataFile")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, the rejects and the counts; raise `SourceError` if it is another file."""
        reading = XmlReading(path, options, self.kind)
        if not reading.holds_any:
            raise SourceError(
                "the file holds no configuration of a network",
                where=str(path),
                hint="is its outermost element bulkCmConfigDataFile, with configData in it?",
            )
        yield from reading.results()
