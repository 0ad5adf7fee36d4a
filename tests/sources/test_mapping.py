"""The operator's columns against ours: the mapping file, and the guess that begins it."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import MappingError, NotFoundError, SourceError
from ringfence.network.model import NETWORK_TABLES
from ringfence.sources.guessing import Guess, describe, guess, heading_row
from ringfence.sources.mapping import FILLABLE, Mapping, TableMapping
from ringfence.store.tables import Table

INVENTORY = ["NE name", "Site", "Region", "Vendor", "Model", "Role", "SW version", "Install date"]


def becomes(found: Guess) -> dict[str, list[str]]:
    """Heading to the columns it becomes."""
    told: dict[str, list[str]] = {}
    for match in found.matches:
        columns = told.setdefault(match.heading, [])
        if match.applied:
            columns.append(f"{match.table}.{match.column}")
    return told


def load(tmp_path: Path, text: str) -> Mapping:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return Mapping.load(path)


# The mapping file


def test_a_mapping_reads_as_it_is_written_by_hand(tmp_path: Path) -> None:
    mapping = load(
        tmp_path,
        """
        prefix = "north"
        encoding = "cp1252"
        delimiter = ";"

        [[table]]
        table = "element"
        sheet = "Inventory"
        header_row = 3
        date_format = "%d/%m/%Y"
        decimal_comma = true
        thousands_separator = "."
        unmapped = ["Remarks"]

        [table.columns]
        "NE  Name" = ["id", "name"]
        Site = "site"
        Vendor = "vendor_name"
        Type = "kind"

        [table.joined]
        product = ["Vendor", "Model"]

        [table.constants]
        operator = "north"
        installed_on = 2020-01-31

        [table.values.kind]
        VM = "virtual machine"
        "?" = ""

        [[table]]
        table = "function"
        sheet = "Inventory"
        header_row = 3

        [table.columns]
        "NE Name" = "element"
        Role = "kind"

        [table.values.kind]
        CP = ["AMF", "SMF"]
        """,
    )
    assert mapping == Mapping(
        (
            TableMapping(
                "element",
                columns=(
                    ("NE Name", "id"),
                    ("NE Name", "name"),
                    ("Site", "site"),
                    ("Vendor", "vendor_name"),
                    ("Type", "kind"),
                ),
                joined=(("product", ("Vendor", "Model")),),
                constants=(("operator", "north"), ("installed_on", "2020-01-31")),
                values=(("kind", "VM", ("virtual machine",)), ("kind", "?", ("",))),
                sheet="Inventory",
                header_row=3,
                date_format="%d/%m/%Y",
                decimal_comma=True,
                thousands_separator=".",
                unmapped=("Remarks",),
            ),
            TableMapping(
                "function",
                columns=(("NE Name", "element"), ("Role", "kind")),
                values=(("kind", "CP", ("AMF", "SMF")),),
                sheet="Inventory",
                header_row=3,
            ),
        ),
        prefix="north",
        encoding="cp1252",
        delimiter=";",
    )


headings = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Z")) | st.sampled_from("é网元 '\"=[]."),
    min_size=1,
    max_size=12,
).map(lambda text: " ".join(text.replace("\ufeff", "x").split()) or "x")


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    blocks = []
    for name in draw(st.lists(st.sampled_from(sorted(FILLABLE)), min_size=1, max_size=3)):
        columns = list(FILLABLE[name])
        count = len(columns) + 1
        *theirs, spare = draw(st.lists(headings, min_size=count, max_size=count, unique=True))
        words = tuple(
            (c.name, theirs_, (c.one_of[0],))
            for c in FILLABLE[name].values()
            if c.one_of
            for theirs_ in draw(st.lists(headings, max_size=2, unique=True))
        )
        blocks.append(
            TableMapping(
                name,
                columns=tuple(zip(theirs, columns, strict=True)),
                values=words,
                sheet=draw(st.none() | headings),
                date_format=draw(st.sampled_from([None, "%d.%m.%Y", "%m/%d/%y", "%d-%b-%Y"])),
                decimal_comma=draw(st.booleans()),
                thousands_separator=draw(st.sampled_from([None, " ", "'"])),
                unmapped=(spare,),
            )
        )
    prefix = draw(st.none() | st.text(string.ascii_letters, min_size=1, max_size=5))
    return Mapping(tuple(blocks), prefix, draw(st.sampled_from([None, "utf-8", "cp1252"])))


@given(mapping=mappings())
def test_a_saved_mapping_loads_as_it_was(
    mapping: Mapping, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "saved.toml"
    mapping.save(path)
    assert Mapping.load(path) == mapping


@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_mapping_or_a_mapping_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(MappingError):
        Mapping.load(path)


ELEMENT = '[[table]]\ntable = "element"\n[table.columns]\nNE = "id"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no [[table]] block"),
        ("table = 3", "list of blocks"),
        ('[[table]]\ntable = "sites"\n', "no table 'sites'.*did you mean 'site'"),
        ('[[table]]\ntable = "finding"\n', "no table 'finding'"),
        ("[[table]]\n[table.columns]\nA = 'id'\n", "does not say which table"),
        (ELEMENT + 'Sits = "sit"\n', "no column 'sit'.*did you mean 'site'"),
        (ELEMENT + 'Vendor = "vendor"\n', "vendor resolution alone.*vendor_name"),
        (ELEMENT + 'Where = "origin"\n', "never a column"),
        (ELEMENT + 'Code = "id"\n', "two become id: 'NE' and 'Code'"),
        (ELEMENT + '[table.constants]\nid = "x"\n', "two become id: 'NE' and constants"),
        (ELEMENT + '[table.joined]\nsite = ["A"]\n', "fewer than two"),
        (ELEMENT + '[table.constants]\nkind = "pizza box"\n', "'pizza box' for kind is not one of"),
        (ELEMENT + '[table.constants]\nsite = "n/a"\n', "states nothing"),
        (ELEMENT + 'K = "kind"\n[table.values.kind]\nVM = "vm"\n', "'vm' for kind is not one of"),
        (ELEMENT + '[table.values.kind]\nVM = "host"\n', "nothing becomes"),
        (ELEMENT + 'K = "kind"\n[table.values.kind]\nVM = ["host", "box"]\n', "2 values"),
        (ELEMENT + '[table.values]\nkind = "host"\n', "kind is to be a section"),
        (ELEMENT + "Site = 4\n", "a text, or a list of texts"),
        ('[[table]]\ntable = "element"\n[table.columns]\nNE = "name"\n', "nothing becomes id"),
        ('[[table]]\ntable = "element"\nheaderrow = 2\n', "no setting 'headerrow'.*'header_row'"),
        ('[[table]]\ntable = "element"\nheader_row = true\n', "whole number"),
        ('[[table]]\ntable = "element"\nheader_row = 0\n', "counts from 1"),
        ('[[table]]\ntable = "element"\ndecimal_comma = "yes"\n', "true or false"),
        ('prefix = "a b"\n' + ELEMENT, "prefix is 'a b'"),
        ('encoding = "rot13"\n' + ELEMENT, "no encoding 'rot13'"),
        ('delimiter = "x"\n' + ELEMENT, "delimiter is 'x'"),
        (ELEMENT.replace("[table.c", 'unmapped = ["NE"]\n[table.c'), "mapped and unmapped"),
        (ELEMENT.replace("[table.c", 'date_format = "%d/%m"\n[table.c'), "date_format '%d/%m'"),
        (ELEMENT.replace("[table.c", 'date_format = "%d/%m/%Y %A"\n[table.c'), "date_format"),
        (ELEMENT.replace("[table.c", 'date_format = "%Y%m%d%"\n[table.c'), "date_format"),
        (ELEMENT.replace("[table.c", 'thousands_separator = "."\n[table.c'), "cannot part both"),
        (ELEMENT.replace("[table.c", 'thousands_separator = "x"\n[table.c'), "thousands_separator"),
        (ELEMENT + ELEMENT.replace("[table.c", "header_row = 2\n[table.c"), "different header"),
        ("prefix = [", "cannot be read"),
    ],
)
def test_a_mapping_that_cannot_mean_anything_says_where_and_why(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(MappingError, match=f"(?s){says.replace('[[', '.*')}") as caught:
        load(tmp_path, text)
    assert str(tmp_path) in (caught.value.where or "")


def test_a_mapping_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no mapping file"):
        Mapping.load(tmp_path / "nowhere.toml")


def test_bytes_that_are_no_text_are_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_bytes(b"prefix = '\xff'")
    with pytest.raises(MappingError, match="cannot be read"):
        Mapping.load(path)


# The guess


@pytest.mark.parametrize("table", NETWORK_TABLES, ids=lambda t: t.name)
def test_our_own_columns_are_recognised_whole(table: Table) -> None:
    names = list(FILLABLE[table.name])
    for written in (names, [FILLABLE[table.name][n].heading.upper() for n in names]):
        found = guess(written, [])
        assert [b.table for b in found.blocks] == [table.name]
        assert found.blocks[0].columns == tuple(
            sorted(zip(written, names, strict=True), key=found.blocks[0].columns.index)
        )
        assert found.sureness == 1
        assert found.blocks[0].unmapped == ()


def test_what_resolution_fills_is_never_a_target() -> None:
    assert "vendor" not in FILLABLE["element"]
    assert "vendor" not in FILLABLE["contract"]
    assert "original_maker" not in FILLABLE["product"]
    assert "vendor" in FILLABLE["vendor_alias"]
    assert not any("origin" in columns for columns in FILLABLE.values())


def test_an_inventory_feeds_elements_sites_functions_and_products() -> None:
    found = guess(INVENTORY, [])
    assert becomes(found) == {
        "NE name": ["element.name", "element.id", "function.element"],
        "Site": ["element.site", "site.id"],
        "Region": ["site.region"],
        "Vendor": ["element.vendor_name", "element.product", "product.vendor_name", "product.id"],
        "Model": ["element.product", "product.model", "product.id"],
        "Role": ["element.role_name", "function.kind"],
        "SW version": ["element.software_version"],
        "Install date": ["element.installed_on"],
    }
    assert [b.table for b in found.blocks] == ["element", "site", "function", "product"]


def test_a_part_number_is_the_products_key_and_the_model_its_name() -> None:
    found = guess(["NE ID", "Vendor", "Part Number", "Model"], [])
    assert becomes(found) == {
        "NE ID": ["element.id"],
        "Vendor": ["element.vendor_name", "product.vendor_name"],
        "Part Number": ["element.product", "product.id"],
        "Model": ["product.model"],
    }


@pytest.mark.parametrize(
    ("written", "tables"),
    [
        (["Hostname", "Role"], ["function"]),
        (["NE ID", "Function", "Pool", "Slice"], ["function"]),
        (["NE ID", "Site", "Function"], ["element", "function"]),
        (["Site Code", "Site Name", "Vendor"], ["site"]),
        (["Vendor", "Model", "Designed in"], ["product"]),
        (["Site", "Service", "Population"], ["demand"]),
        (["Source", "Target", "Kind"], ["relation"]),
    ],
)
def test_a_sheet_is_what_its_headings_say_most_of(written: list[str], tables: list[str]) -> None:
    assert [b.table for b in guess(written, []).blocks] == tables


def test_the_headings_of_a_site_list() -> None:
    found = guess(["Site Code", "Site Name", "Latitude", "Longitude", "Owner"], [])
    assert becomes(found) == {
        "Site Code": ["site.id"],
        "Site Name": ["site.name"],
        "Latitude": ["site.latitude_deg"],
        "Longitude": ["site.longitude_deg"],
        "Owner": ["site.operator"],
    }


@pytest.mark.parametrize(
    "spelling", ["site_code", "SITE-CODE", " Site\nCode ", "Sîte Code", "sitecode"]
)
def test_spelling_does_not_matter(spelling: str) -> None:
    found = guess([spelling, "Site Name", "Region"], [])
    assert ("site", "id") in {(m.table, m.column) for m in found.matches if m.applied}


def test_a_heading_that_is_merely_alike_is_suggested_and_left_out() -> None:
    found = guess(["NE ID", "Site", "Vendr"], [])
    assert becomes(found)["Vendr"] == []
    assert found.blocks[0].unmapped == ("Vendr",)
    vendr = next(m for m in found.matches if m.heading == "Vendr")
    assert (vendr.table, vendr.column, vendr.applied) == ("element", "vendor_name", False)
    assert vendr.sureness < 0.9
    assert ("Vendr", "left out (suggested: element.vendor_name)", vendr.why) in describe(found)


def test_two_headings_as_sure_of_a_column_are_both_left_to_the_user() -> None:
    found = guess(["NE ID", "Site", "Supplier", "Manufacturer"], [])
    assert becomes(found)["Supplier"] == becomes(found)["Manufacturer"] == []
    why = next(m.why for m in found.matches if m.heading == "Supplier")
    assert "'Supplier' and 'Manufacturer' fit alike" in why


def test_a_heading_that_stands_twice_is_left_out() -> None:
    found = guess(["NE ID", "Site", "Vendor", "Vendor"], [])
    assert becomes(found)["Vendor"] == []


def test_another_unit_is_another_quantity() -> None:
    found = guess(["Circuit ID", "From", "To", "Length (m)", "Capacity [Mbps]"], [])
    assert becomes(found)["Length (m)"] == []
    assert becomes(found)["Capacity [Mbps]"] == ["link.capacity_mbps"]
    assert "km" in next(m.why for m in found.matches if m.heading == "Length (m)")


def test_tables_that_fit_alike_are_refused_with_the_cure() -> None:
    with pytest.raises(SourceError, match="operator, site, vendor, element") as caught:
        guess(["id", "name"], [])
    assert 'table = "' in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("vendors", "vendor"),
        ("Network Elements 2024", "element"),
        ("acme_sites_final", "site"),
        ("vendor-names", None),
    ],
)
def test_the_name_of_the_file_decides_between_tables(name: str, table: str | None) -> None:
    if table is None:
        with pytest.raises(SourceError):
            guess(["id", "name"], [], [name])
    else:
        assert [b.table for b in guess(["id", "name"], [], [name]).blocks] == [table]


def test_a_person_can_settle_the_table() -> None:
    assert guess(["id", "name"], [], table="segment").blocks[0].table == "segment"
    refused = guess(["Altitude", "name"], [], table="link")
    assert refused.blocks == ()
    assert refused.because == "no heading is a column of link"


@pytest.mark.parametrize(
    "strange",
    [
        ["geonameid", "name", "countrycode", "latitude", "longitude", "population"],
        ["ECellID", "CellName", "Longitude", "Latitude", "PCI", "EARFCN", "Azimuth"],
        ["src", "dst", "conn", "network"],
        ["Date", "Amount", "Balance"],
        [""],
        [],
    ],
)
def test_a_sheet_of_something_else_fits_no_table(strange: list[str]) -> None:
    found = guess(strange, [])
    assert found.blocks == ()
    assert found.because


def test_a_day_above_12_settles_the_order_of_dates() -> None:
    rows = [["A", "S", "", "", "", "", "", d] for d in ("03/04/2022", "25/03/2022")]
    found = guess(INVENTORY, rows)
    assert {b.date_format for b in found.blocks} == {"%d/%m/%Y"}
    american = [["A", "S", "", "", "", "", "", d] for d in ("03-04-2022", "03-25-2022")]
    assert guess(INVENTORY, american).blocks[0].date_format == "%m-%d-%Y"


@pytest.mark.parametrize("dates", [["03/04/2022", "12/12/2021"], ["25/03/2022", "03/25/2022"]])
def test_dates_that_can_be_read_two_ways_are_not_guessed(dates: list[str]) -> None:
    found = guess(INVENTORY, [["A", "S", "", "", "", "", "", d] for d in dates])
    assert found.blocks[0].date_format is None
    assert any("state date_format" in note for note in found.notes)


def test_a_list_column_without_a_word_of_ours_is_suggested() -> None:
    rows = [["a", "b", "x", "Rooftop"], ["c", "d", "y", "Greenfield"]]
    found = guess(["Site Code", "Site Name", "Region", "Site Type"], rows)
    assert becomes(found)["Site Type"] == []
    assert "Rooftop" in next(m.why for m in found.matches if m.heading == "Site Type")
    rows[0][3] = "Macro"
    again = guess(["Site Code", "Site Name", "Region", "Site Type"], rows)
    assert becomes(again)["Site Type"] == ["site.kind"]


def test_a_decimal_comma_is_pointed_out() -> None:
    found = guess(["Site Code", "Site Name", "Latitude"], [["a", "b", "52,5"]])
    assert any("decimal_comma = true" in note for note in found.notes)


def test_the_heading_row_is_found_below_a_title() -> None:
    rows = [["Inventory of North"], [], INVENTORY, ["A"] * 8]
    assert heading_row(rows)[0] == 3
    assert heading_row([["1", "2"], ["3", "4"]]) == (1, 0.0)


@given(
    st.lists(
        st.sampled_from([c for t in NETWORK_TABLES for f in t.columns for c in f.also_called])
        | st.text(max_size=12),
        max_size=10,
    ),
    st.text(max_size=12),
)
def test_a_guess_never_gives_a_column_twice_nor_leaves_a_heading_untold(
    given_headings: list[str], name: str
) -> None:
    try:
        found = guess(given_headings, [given_headings] * 2, [name])
    except SourceError as error:
        assert "fit several tables alike" in error.message  # noqa: PT017 (it need not be raised)
        return
    told = [h for h in given_headings if not h.lstrip().startswith("#")]
    cleaned = {" ".join(h.replace("\ufeff", "").split()) for h in told} - {""}
    assert {m.heading for m in found.matches} == cleaned
    for block in found.blocks:
        filled = [c for _, c in block.columns] + [c for c, _ in block.joined]
        assert len(filled) == len(set(filled))
