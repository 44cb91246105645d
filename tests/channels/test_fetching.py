"""Getting what lies at somebody else's address: all of it, or the reason why not, in time."""

from __future__ import annotations

import pytest

from tests.channels.faults import FaultServer, fault_server
from tests.channels.test_outgoing import Client
from tocsin.channels.connecting import Unreachable
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target

MOST = 100_000


def test_all_of_it_comes_with_what_was_asked(outgoing: Outgoing, faults: FaultServer) -> None:
    answer = outgoing.get(read_target(faults.url("/ok?a=b")), {"If-None-Match": '"1"'}, MOST)
    assert (answer.status, answer.body) == (200, b"ok")
    (request,) = faults.received
    assert request.line == "GET /ok?a=b HTTP/1.1"
    assert request.headers["if-none-match"] == '"1"'
    assert "content-length" not in request.headers


def test_more_than_is_wanted_is_not_kept(client: Client, faults: FaultServer) -> None:
    outgoing = client("127.0.0.0/8")
    with pytest.raises(Unreachable):
        outgoing.get(read_target(faults.url("/endless")), {}, MOST)
    # What is packed stays packed, however large it would become.
    assert len(outgoing.get(read_target(faults.url("/bomb")), {}, MOST).body) <= MOST


def test_half_an_answer_is_none(client: Client, faults: FaultServer) -> None:
    """Of a calendar, half would be another calendar."""
    outgoing = client("127.0.0.0/8", deadline=0.5)
    for path in ("/stalled", "/trickle", "/hang"):
        with pytest.raises(Unreachable, match="no answer within"):
            outgoing.get(read_target(faults.url(path)), {}, MOST)


def test_redirects_are_reported_and_inner_addresses_not_asked(
    client: Client, outgoing: Outgoing, faults: FaultServer
) -> None:
    with fault_server() as elsewhere:
        found = outgoing.get(read_target(faults.url(f"/status?code=302&to={elsewhere.url()}")), {}, MOST)
        assert found.status == 302
        assert elsewhere.received == []
    asked = len(faults.received)
    with pytest.raises(Unreachable, match="not a public address"):
        client().get(read_target(faults.url()), {}, MOST)
    assert len(faults.received) == asked
