"""Whatever is wrong with a file: the row is refused by name, or the file by one clear sentence."""

import gzip
import os
import sys

import numpy as np
import pytest
from brought import T0, person, refused  # beside this
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading_cli.app.importing import reading, values
from trading_cli.core.errors import UsageError
from trading_cli.domain import from_epoch

HEAD = "market,t,p\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"a,{T0},nan", "price is no number"),
        (f"a,{T0},", "price is no number"),
        (f"a,{T0},half", "price is no number"),
        (f"a,{T0},1_0", "price is no number"),
        (f"a,{T0},inf", "price is no number"),
        (f"a,{T0},-0.01", "price outside 0 to 1"),
        (f"a,{T0},1.0001", "price outside 0 to 1"),
        (f"a,{T0},55", "price outside 0 to 1"),
        ("a,soon,0.5", "no readable time"),
        ("a,,0.5", "no readable time"),
        ("a,nan,0.5", "no readable time"),
        ("a,1e300,0.5", "no readable time"),
        ("a,2026-02-30,0.5", "no readable time"),
        ("a,12,0.5", "time before 2000"),
        ("a,-5,0.5", "time before 2000"),
        ("a,1980-01-01,0.5", "time before 2000"),
        ("a,2026-03-03T00:00Z,0.5", "time in the future"),
        ("a,4102444800,0.5", "time in the future"),
        (f"a,{T0 + 60},0.9", "another price for the same instant"),
        (f"a,{T0},0.5,more", "wrong number of cells"),
        ("a", "wrong number of cells"),
        (f"{'m' * 400},{T0},0.5", "market is in no markets file"),
        (f",{T0},0.5", "market is in no markets file"),
        (f'a,{T0},"{"x" * 200_000}"', "unreadable row"),
    ],
)
def test_a_bad_row_is_refused_by_name_and_stops_no_other(me, row, reason):
    """Its reason, its line; what stands before and behind it is stored."""
    good = f"a,{T0 + 60},0.25\n", f"a,{T0 + 120},0.75\n"
    report = me.bring(me.file("x.csv", HEAD + good[0] + row + "\n" + good[1]))
    assert refused(report) == {reason: (1, "x.csv:3")}
    assert report["rows"] == 3
    assert [one[2:] for one in me.points()] == [(T0 + 60, 0.25), (T0 + 120, 0.75)]


@pytest.mark.parametrize(
    "text",
    [
        "{s}", "{s}.0", "{s}.9", "{s}000", "{s}000000", "{s}000000000",
        "2026-01-01 00:00:00", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00.999+00:00",
        "2026-01-01T01:00+01:00", "2026-01-01", "20260101T000000Z", "2026-01-01 00:00:00 UTC",
    ],
)  # fmt: skip
def test_a_time_is_read_in_every_usual_form(text):
    """Seconds, smaller units, ISO with and without a zone: one instant."""
    cell = text.format(s=T0)
    assert values.times([cell])[0].tolist() == [T0]
    assert values.times([cell, "soon"])[0].tolist() == [T0, values.NO_TIME]
    assert values.time(cell)[0] == T0


def test_rows_out_of_order_and_twice_are_put_right_and_counted(me):
    """Sorted, the same row once; a gap of many steps is counted, not filled."""
    at = [0, 60, 180, 120, 60, 60, 3600]
    lines = "".join(f"a,{T0 + step},0.5\n" for step in at)
    report = me.bring(me.file("x.csv", HEAD + lines))
    assert (report["unsorted"], report["duplicates"]) == (2, 2)
    assert report["gaps"] == {"count": 1, "series": 1, "longest_s": 3420}
    assert [one[2] - T0 for one in me.points()] == [0, 60, 120, 180, 3600]
    assert report["refused"] == []


def test_a_third_outcome_and_a_stranger_are_refused(me):
    """A price of an outcome or a market that the other files do not know belongs nowhere."""
    markets = me.file("m.csv", "market,question\na,A?\nb,B?\n")
    lines = "market,outcome,t,p\na,Yes,{0},.5\na,No,{0},.5\na,Maybe,{0},.1\nc,Yes,{0},.2\n"
    report = me.bring(markets, me.file("p.csv", lines.format(T0)))
    assert refused(report) == {
        "a third outcome": (1, "p.csv:4"),
        "market is in no markets file": (1, "p.csv:5"),
        "market without a point or a date": (1, "m.csv:3"),
    }


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("a,A?,maybe,", "outcome is none of yes, no and half"),
        ("a,A?,1,then", "closed is no time"),
        ("a,A?,1,2030-01-01", "closed is in the future"),
        ("a,Another?,0,", "market described twice, differently"),
        (",A?,1,", "market without a name"),
    ],
)
def test_a_bad_word_about_a_market_is_refused_and_the_market_stays(me, cells, reason):
    """Its prices are stored all the same."""
    text = "market,question,outcome_yes,closed_at\n"
    first = "" if cells.startswith("a,A?") else "a,A?,1,\n"
    report = me.bring(
        me.file("m.csv", text + first + cells + "\n"), me.file("p.csv", f"{HEAD}a,{T0},0.5\n")
    )
    assert refused(report)[reason][0] == 1
    assert report["points"]["new"] == 1


def test_a_winner_that_is_neither_outcome_settles_nothing(me):
    """Better no outcome than a wrong one."""
    markets = me.file("m.csv", "market,question,winner\na,A?,Nobody\n")
    report = me.bring(markets, me.file("p.csv", f"{HEAD}a,{T0},0.5\n"))
    assert list(refused(report)) == ["winner is none of the two outcomes"]
    assert me.rows("SELECT count(*) FROM resolutions") == [(0,)]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.csv", "", "is empty"),
        ("x.csv", "\n\n", "no header"),
        ("x.csv", "market,t,t,p\n", "two columns 't'"),
        ("x.csv", "when,what\n1,2\n", "neither prices nor markets"),
        ("x.csv", "\xff\xfem\0".encode("latin-1"), "not UTF-8"),
        ("x.csv.gz", gzip.compress(HEAD.encode() * 9000)[:-9], "damaged"),
        ("x.csv", b"\x1f\x8bnot really packed", "damaged"),
        ("x.parquet", "no parquet", "no Parquet file"),
        ("x.txt", HEAD, "of no kind we read"),
        ("x.csv.gz", b"", "no header"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_one_clear_error(me, name, data, told):
    """Exit 2, a sentence, a way out; nothing is stored."""
    path = me.folder / name
    if name.endswith(".gz") and data == b"":
        me.file(name, data)
    else:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(UsageError, match=told) as raised:
        me.bring(path)
    assert raised.value.exit_code == 2
    assert raised.value.hint
    assert not me.database.exists()


def test_what_is_no_plain_file_or_not_there_is_refused(me):
    """A pipe would be waited for for ever; a folder of nothing is said so."""
    os.mkfifo(me.folder / "x.csv")
    for path, told in [
        (me.folder / "x.csv", "no plain file"),
        (me.folder / "absent.csv", "no file"),
        (me.folder / "empty", "no file to import"),
    ]:
        (me.folder / "empty").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match=told):
            me.bring(path)
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        me.bring(me.folder / ("x" * 400 + ".csv"))
    twice = me.file("y.csv", f"{HEAD}a,{T0},0.5\n")
    with pytest.raises(UsageError, match="given twice"):
        me.bring(twice, twice)


def test_a_nearly_right_column_comes_with_the_map_that_mends_it(me):
    """The hint can be typed as it stands; a superfluous column is only a warning."""
    path = me.file("x.csv", f"market,time_,prise,mood\na,{T0},0.5,good\n")
    with pytest.raises(UsageError, match="lacks t and p") as raised:
        me.bring(path)
    assert raised.value.hint == "--map t=time_ --map p=prise"
    report = me.bring(path, maps=["t=time_", "p=prise"])
    assert report["files"][0]["layout"] == "prices: market, t=time_, p=prise"
    assert report["files"][0]["unknown"] == [{"column": "mood", "near": ""}]
    assert len(me.points()) == 1


@pytest.mark.parametrize(
    ("maps", "told", "hint"),
    [
        (["p"], "is not OURS=THEIRS", "--map p=mid_price"),
        (["prise=x"], "no column 'prise'", "--map p=x"),
        (["x=p"], "no column 'x'", "--map p=x"),
        (["x=y"], "no column 'x'", "one of category"),
        (["p=x", "p=y"], "twice", "once"),
        (["p=nowhere"], "no file has a column 'nowhere'", "market, p, t"),
    ],
)
def test_a_map_that_cannot_be_is_refused(me, maps, told, hint):
    """Before anything is read."""
    path = me.file("x.csv", f"{HEAD}a,{T0},0.5\n")
    with pytest.raises(UsageError, match=told) as raised:
        me.bring(path, maps=maps)
    assert hint in raised.value.hint


@pytest.mark.parametrize("more", [{"lag": -1}, {"lag": 10**9}, {"source": "a b"}, {"source": "-"}])
def test_options_that_cannot_be_are_refused(me, more):
    """A lag before the time itself would be foresight."""
    with pytest.raises(UsageError):
        me.bring(me.file("x.csv", f"{HEAD}a,{T0},0.5\n"), **more)


def test_a_bomb_and_an_endless_line_are_bounded(me):
    """A file that unpacks to far too much is not read on; a line over a MiB is one refused row."""
    bomb = me.file("bomb.csv.gz", HEAD.encode() + (b"x" * 999_999 + b"\n") * 75)
    with pytest.raises(UsageError, match="no honest history"):
        me.bring(bomb)
    with (
        pytest.raises(UsageError, match="no honest history"),
        reading.opened(me.file("big.csv", "x" * 1000), most=500) as stream,
    ):
        stream.read()
    long = me.file("x.csv", f"{HEAD}a,{T0},0.5\n{'x' * (3 << 20)}\na,{T0 + 1},0.5\n")
    report = me.bring(long)
    assert refused(report) == {"line over 1 MiB": (1, "x.csv:3")}
    assert report["points"]["new"] == 2


def test_bytes_that_are_no_text_are_refused_in_their_row(me):
    """One row of another alphabet; the mark at the beginning of a file is none of its columns."""
    data = b"\xef\xbb\xbf" + HEAD.encode() + f"a,{T0},0.5\n".encode() + b"\xff,1,1\n"
    report = me.bring(me.file("x.csv", data))
    assert refused(report) == {"not UTF-8": (1, "x.csv:3")}
    assert report["points"]["new"] == 1


def test_semicolons_and_tabs_part_cells_too(me):
    """As spreadsheets of other countries write them."""
    for mark in ";\t":
        path = me.file("x.csv", f"market,t,p\na,{T0},0.5\n".replace(",", mark))
        assert me.bring(path, source="x")["rows"] == 1
    assert len(me.points()) == 1


def test_parquet_is_the_same_table(me, monkeypatch):
    """Times and numbers of its own kinds; without its library one sentence says what to install."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "market": ["a", "a", "a"],
            "t": pyarrow.array([from_epoch(T0), from_epoch(T0 + 60), None]),
            "p": pyarrow.array([0.25, float("nan"), 0.5]),
        }
    )
    parquet.write_table(table, me.folder / "x.parquet")
    report = me.bring(me.folder / "x.parquet")
    assert me.points() == [("import:x:a", 0, T0, 0.25)]
    assert refused(report) == {
        "no readable time": (1, "x.parquet:3"),
        "price is no number": (1, "x.parquet:2"),
    }
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="Parquet needs the extra `analytics`"):
        me.bring(me.folder / "x.parquet")


CELLS = st.one_of(
    st.integers(T0 - 300, T0 + 300).map(str),
    st.floats(-0.5, 1.5).map(str),
    st.sampled_from(["", "nan", "inf", "2026-01-01", "x", '"', "0.5", "1", "0", "1e9", "1_0"]),
    st.text(max_size=4),
)
ROWS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(T0, T0 + 20).map(str),
            st.sampled_from(["0", "0.5", "1", "1.5", "nan"]),
        ),
        st.lists(CELLS, min_size=1, max_size=5).map(tuple),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_whatever_the_rows_what_is_stored_can_be_trusted(tmp_path_factory, rows):
    """Inside [0, 1], not to come, once an instant; and every row is taken, dropped or refused."""
    me = person(tmp_path_factory.mktemp("whatever"))
    text = HEAD + "".join(",".join(row) + "\n" for row in rows)
    report = me.bring(me.file("x.csv", text))
    points = me.points()
    assert len({one[:3] for one in points}) == len(points) == report["points"]["new"]
    assert points == sorted(points)
    assert all(0 <= price <= 1 for *_, price in points)
    assert all(at <= me.clock.now().timestamp() for _, _, at, _ in points)
    lost = sum(one["count"] for one in report["refused"])
    assert report["rows"] == report["points"]["new"] + report["duplicates"] + lost
    again = me.bring(me.folder / "x.csv")
    assert again["points"]["new"] == 0
    assert me.points() == points


def test_a_column_of_numbers_is_read_the_same_in_bulk_and_one_by_one():
    """One bad cell changes how the others are read, not what they say."""
    cells = [str(n / 7) for n in range(50)]
    assert np.array_equal(values.prices(cells), values.prices([*cells, "x"])[:-1])
    times = [str(T0 + n) for n in range(50)]
    assert np.array_equal(values.times(times)[0], values.times([*times, "x"])[0][:-1])
