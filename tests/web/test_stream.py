"""The stream tells what the table holds: all of it, once, in order; and says so where it cannot."""

import asyncio
import threading
from datetime import timedelta
from itertools import islice

import pytest
from listening import NOW, Listener, new_home, table, until, up, write  # beside this

from trading_cli.store import Store, happenings, upkeep
from trading_cli.web import stream
from trading_cli.web.stream import Hub


@pytest.fixture
def config(tmp_path):
    """Return the settings of a home in which nothing but its making happened."""
    return new_home(tmp_path / "home")


def told(listener, count):
    """Return the next *count* events."""
    return list(islice(listener.events(), count))


def rows_of(events):
    """Return the data of *events*, each with its own number and kind."""
    assert all(number == str(data["id"]) for _, number, data in events)
    assert all(kind == data["kind"] for kind, _, data in events)
    return [data for _, _, data in events]


def test_what_happens_is_told_as_it_happens(config):
    """First where the stream stands; then each thing that is committed, as the table has it."""
    write(config, 3)
    last = table(config)[-1]["id"]
    with up(config) as server, Listener(server) as one:
        events = one.events()
        kind, number, data = next(events)
        assert (kind, number, data["id"]) == ("ready", str(last), last)
        assert one.headers["content-type"].startswith("text/event-stream")
        assert one.headers["cache-control"] == "no-store"
        write(config, 2)
        assert rows_of(list(islice(events, 2))) == table(config, last)


@pytest.mark.parametrize(
    ("how", "after"),
    [("header", 0), ("header", 700), ("header", 1500), ("query", 1), ("both", 1499)],
)
def test_a_stream_that_is_taken_up_again_equals_the_table(config, how, after):
    """Whatever was seen last, the rest comes: no row twice, none left out. The header wins."""
    write(config, 1500 - len(table(config)))
    named = {
        "header": {"last": after},
        "query": {"after": after},
        "both": {"last": after, "after": 3},
    }[how]
    with up(config) as server, Listener(server, **named) as one:
        events = one.events()
        past = rows_of(list(islice(events, 1500 - after)))
        until(lambda: server.listening)
        write(config)
        assert past + rows_of([next(events)]) == table(config, after)


def test_nothing_is_lost_between_the_past_and_the_present(config):
    """While a writer goes on and on, whoever comes gets every row once."""
    going = threading.Event()

    def work() -> None:
        for _ in range(30):
            write(config, 7)
            going.set()

    with up(config) as server:
        writer = threading.Thread(target=work)
        writer.start()
        assert going.wait(30)
        listeners = [Listener(server, after=0) for _ in range(3)]
        writer.join()
        expected = table(config)
        for one in listeners:
            with one:
                assert rows_of(told(one, len(expected))) == expected


@pytest.mark.parametrize("after", [1, 10**9])
def test_what_is_forgotten_is_said_to_be(config, after):
    """A number older than what is kept, or of another file: one event says so, then it goes on."""
    write(config, 9)
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=NOW) as store, store.transaction() as tx:
        happenings.forget(tx, NOW + timedelta(days=1))
    newest = table(config)[-1]["id"]
    with up(config) as server, Listener(server, last=after) as one:
        events = one.events()
        kind, number, data = next(events)
        assert (kind, number) == ("gap", str(newest))
        assert (data["after"], data["oldest"], data["newest"]) == (after, newest, newest)
        write(config)
        assert rows_of([next(events)]) == table(config, newest)


def test_a_database_put_back_from_a_copy_is_a_gap(config, tmp_path):
    """The file is swapped for one that knows less: the pages are told to look anew."""
    database = config.parent / "data" / "trading.db"
    with Store.reader(database) as store:
        store.copy_to(tmp_path / "copy.db")
    write(config, 20)
    with up(config) as server, Listener(server) as one:
        events = one.events()
        assert next(events)[0] == "ready"
        write(config)  # known to be read from here on
        assert next(events)[0] == "journal"
        (tmp_path / "copy.db").replace(database)
        for end in ("-wal", "-shm"):
            database.with_name(database.name + end).unlink(missing_ok=True)
        write(config)
        kind, _, data = next(events)
        assert (kind, data["newest"]) == ("gap", table(config)[-1]["id"])


def test_the_file_is_not_held_while_somebody_listens(config):
    """Who waits keeps nobody from having the file alone: it can be tidied, or put back."""
    with up(config) as server, Listener(server) as one:
        assert next(one.events())[0] == "ready"
        with upkeep.alone(config.parent / "data" / "trading.db", 30_000):
            pass


def test_a_home_without_a_database_begins_at_nothing(tmp_path):
    """The stream waits for what there will be, and tells it from the first row on."""
    config = new_home(tmp_path / "empty", database=False)
    with up(config) as server, Listener(server) as one:
        events = one.events()
        assert next(events)[2]["id"] == 0
        write(config)
        expected = table(config)
        assert rows_of(list(islice(events, len(expected)))) == expected


def test_hostile_words_stay_one_line_of_ascii(config):
    """A subject with line ends, quotes and other scripts is data, never another event."""
    database = config.parent / "data" / "trading.db"
    evil = "a\n\nevent: kill\ndata: {}\r\n\u2028<script>\U0001f600"
    with up(config) as server, Listener(server) as one:
        events = one.events()
        next(events)
        with Store.open(database, now=NOW) as store, store.transaction() as tx:
            tx.execute("INSERT INTO source_states VALUES (?, 'ok', 1, '', 1, 1)", (evil,))
            tx.execute("UPDATE source_states SET state = 'off'")
        kind, _, data = next(events)
        assert (kind, data["subject"]) == ("source", evil)


def test_who_does_not_read_is_let_go_with_a_word(config, monkeypatch):
    """Its queue is bounded: what it has comes, then why it ends; one who reads misses nothing."""
    monkeypatch.setattr(stream, "QUEUE", 600)
    monkeypatch.setattr(stream, "ROOM_LOOKS", 5)
    before = len(table(config))
    with up(config, narrow=True) as server:
        slow = Listener(server, after=before, narrow=True)
        with slow, Listener(server, after=before) as quick:
            until(lambda: server.listening == 2)
            heard = []
            reading = threading.Thread(target=lambda: heard.extend(told(quick, 6000)))
            reading.start()
            for _ in range(30):
                write(config, 200)
            reading.join()
            expected = table(config, before)
            assert rows_of(heard) == expected
            *seen, (kind, number, data) = list(slow.events())
            assert (kind, number, data["reason"]) == ("dropped", None, stream.SLOW)
            got = rows_of(seen)
            assert got == expected[: len(got)]
            assert 0 < len(got) < len(expected)
        with Listener(server, last=got[-1]["id"]) as again:
            rest = rows_of(told(again, len(expected) - len(got)))
            assert got + rest == expected


def test_who_never_reads_is_hung_up_on(config, monkeypatch):
    """Nothing of it is left in the server, and others go on being served."""
    monkeypatch.setattr(stream, "SEND_S", 0.3)
    with up(config, narrow=True) as server:
        deaf = Listener(server, after=0, narrow=True)
        until(lambda: server.listening == 1)
        with deaf:
            for _ in range(30):
                write(config, 200)
            until(lambda: server.listening == 0)
            until(lambda: len(server.server.server_state.connections) == 0)
            with Listener(server) as one:
                assert next(one.events())[0] == "ready"


def test_silence_is_told_from_death(config, monkeypatch):
    """Where nothing happens a comment comes now and then."""
    monkeypatch.setattr(stream, "BEAT_S", 0.05)
    with up(config) as server, Listener(server) as one:
        chunks = one.begun().chunks()
        assert [next(chunks) for _ in range(4)][2:] == [": beat", ": beat"]


def test_so_many_may_listen_and_no_more(config):
    """One too many is told when to come again; who leaves makes room."""
    with up(config) as server:
        server.api.state.hub = Hub(config.parent / "data" / "trading.db", clients=2)
        with Listener(server) as first, Listener(server) as second:
            assert first.begun().status == second.begun().status == 200
            with Listener(server) as third:
                assert third.begun().status == 503
                assert third.headers["retry-after"] == "60"
                assert third.headers["content-type"] == "application/problem+json"
        until(lambda: server.listening == 0)
        with Listener(server) as fourth:
            assert fourth.begun().status == 200


def test_of_many_who_come_at_once_no_more_than_may_are_let_in(config):
    """Though all ask before the first has been answered."""

    async def come():
        hub = Hub(config.parent / "data" / "trading.db", clients=3)
        found = await asyncio.gather(*(hub.join() for _ in range(10)), return_exceptions=True)
        await hub.close()
        return [type(one).__name__ for one in found]

    assert sorted(asyncio.run(come())) == ["Client"] * 3 + ["Full"] * 7


def test_who_comes_while_it_ends_is_not_let_in(config):
    """Nobody is left waiting for what never comes."""

    async def come():
        hub = Hub(config.parent / "data" / "trading.db")
        coming = asyncio.create_task(hub.join())
        await asyncio.sleep(0)  # it is looking where the stream stands
        await hub.close()
        with pytest.raises(stream.Full, match="ends"):
            await coming
        return hub.listening

    assert asyncio.run(come()) == 0


def test_where_the_file_cannot_be_read_nobody_is_told_all_of_it_as_new(config):
    """Where the stream stands is not known then: whoever comes is asked to come again."""
    database = config.parent / "data" / "trading.db"
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    database.write_bytes(b"no database at all" * 999)
    with up(config) as server, Listener(server) as one:
        assert one.begun().status == 503
        assert one.headers["retry-after"] == "60"


def test_a_looker_that_breaks_lets_everybody_go_and_the_server_end(config, monkeypatch):
    """Whatever broke is written down; who listened is told, and may come again."""

    def broken(_database, _last, **_more):
        raise ZeroDivisionError

    with up(config) as server, Listener(server) as one:
        events = one.events()
        assert next(events)[0] == "ready"
        monkeypatch.setattr(stream.happenings, "since", broken)
        write(config)
        assert next(events)[0] == "dropped"
        server.end()


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30])
def test_a_number_that_is_none_is_refused(config, last):
    """What was seen last is a number of ours, or the request is wrong."""
    with up(config) as server, Listener(server, last=last) as one:
        assert one.begun().status == 422


def test_an_end_with_fifty_who_listen_is_prompt_and_said(config):
    """Each is told that the server ends; none is cut off, none keeps it up."""
    with up(config) as server:
        listeners = [Listener(server).begun() for _ in range(50)]
        until(lambda: server.listening == 50)
        server.end()
        for one in listeners:
            with one:
                kind, _, data = list(one.events())[-1]
                assert (kind, data["reason"]) == ("dropped", stream.ENDING)


def test_one_looks_for_all(config, monkeypatch):
    """However many listen, the file is read once for what is new."""
    read = []
    since = stream.happenings.since

    def counted(database, last, **more):
        read.append(last)
        return since(database, last, **more)

    with up(config) as server:
        listeners = [Listener(server).begun() for _ in range(20)]
        until(lambda: server.listening == 20)
        monkeypatch.setattr(stream.happenings, "since", counted)
        write(config)
        newest = table(config)[-1]
        for one in listeners:
            with one:
                assert rows_of(told(one, 2)[1:]) == [newest]
        assert sum(last == newest["id"] - 1 for last in read) == 1
        until(lambda: server.listening == 0)


@pytest.mark.nightly
def test_two_hundred_hear_all_of_two_thousand_rows(config):
    """None is dropped, none misses a row, while all of them read."""
    with up(config) as server:
        listeners = [Listener(server, after=0) for _ in range(200)]
        heard = [[] for _ in listeners]
        total = len(table(config)) + 2_000

        def listen(at: int) -> None:
            heard[at] = [int(number) for _, number, _ in told(listeners[at], total)]

        threads = [threading.Thread(target=listen, args=(at,)) for at in range(200)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            write(config, 50)
        for thread in threads:
            thread.join()
        assert all(one == list(range(1, total + 1)) for one in heard)
        for one in listeners:
            one.close()
