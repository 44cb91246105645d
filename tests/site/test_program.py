"""The program as it is run: begins, answers, survives being killed, ends in order."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests import programs
from tests.patience import PATIENCE, eventually
from tests.programs import KEY, Program, declare, incidents, running, tocsin, trigger

pytestmark = pytest.mark.sqlite  # each of these programs has its own embedded database


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One that several tests look at; none of them ends it."""
    with running(tmp_path_factory.mktemp("shared") / "data", from_nothing=True) as shared:
        yield shared


def connect(program: Program) -> http.client.HTTPConnection:
    url = urlsplit(program.address)
    return http.client.HTTPConnection(url.hostname or "", url.port, timeout=PATIENCE)


def signed_in(program: Program) -> str:
    """The cookies of somebody who has used the one-time link."""
    assert program.sign_in_link is not None
    path = urlsplit(program.sign_in_link).path
    _, headers, page = program.raw("GET", path)
    csrf = headers["set-cookie"].strip().partition(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    body = b"csrfmiddlewaretoken=" + token[1]
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": csrf, "Origin": program.address}
    status, headers, _ = program.raw("POST", path, body, form)
    assert status == 302
    return "; ".join(re.findall(r"((?:csrf|session)=[^;]+)", headers["set-cookie"]))


def test_a_fresh_folder_is_ready_by_itself_and_says_where_and_how_to_sign_in(program: Program) -> None:
    assert program.said[0].startswith("Tocsin runs on http://127.0.0.1:")
    assert program.sign_in_link is not None
    assert program.ask("GET", "/readyz") == (200, {"ready": True, "why": "", "engine_lag_seconds": 0.0})
    assert program.ask("GET", "/healthz")[0] == 200
    assert program.ask("GET", "/api/v1/me")[1]["user"]["id"] == "command-line"


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/v2/enqueue", "/hooks/none", "/none", "/", "/events"]
)
def test_no_answer_leaves_without_the_headers_that_protect_its_reader(program: Program, path: str) -> None:
    _, headers, _ = program.raw("GET", path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "referrer-policy" in headers
    assert "no-store" in headers["cache-control"]


def test_what_lies_in_the_data_folder_is_its_owners_alone(program: Program) -> None:
    open_to_others = [
        path.name for path in program.data.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_the_demo_pages_somebody_after_a_test_event(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--demo") as program:
        sent = tocsin(program.data, "send", "--integration", "demo-alerts", "Checkout is slow")
        assert sent.returncode == 0, sent.stderr
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["sent"])
        (incident,) = incidents(program)
        assert incident["title"] == "Checkout is slow"


def test_a_second_program_on_the_same_folder_is_refused_with_words(program: Program) -> None:
    second = tocsin(program.data, "run", "--port", "0")
    assert second.returncode == 1
    assert f"Another Tocsin (process {program.process.pid}) is using this data folder" in second.stderr
    assert program.ask("GET", "/readyz")[0] == 200


def test_a_port_that_is_taken_is_refused_with_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = tocsin(tmp_path / "data", "run", "--port", port)
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_was_accepted_is_there_after_kill_9_and_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        declare(program)
        assert [trigger(program, f"disk-{n}") for n in range(20)] == [202] * 20
        program.kill()
    with running(tmp_path / "data") as program:
        found = eventually(lambda: len(incidents(program)) == 20 and incidents(program))
        assert {incident["title"] for incident in found} == {f"disk-{n} fails" for n in range(20)}
        assert tocsin(program.data, "audit", "verify").returncode == 0


@pytest.mark.parametrize("how", ["end", "kill"])
def test_nothing_that_was_accepted_is_lost_when_it_ends_under_load(tmp_path: Path, how: str) -> None:
    accepted: list[str] = []

    def send_until_it_is_gone(sender: int) -> None:
        for number in range(10_000):
            key = f"{sender}-{number}"
            try:
                if trigger(program, key) == 202:
                    accepted.append(key)
            except (OSError, http.client.HTTPException):
                return

    with running(tmp_path / "data") as program:
        declare(program)
        senders = [Thread(target=send_until_it_is_gone, args=(sender,)) for sender in range(4)]
        for sender in senders:
            sender.start()
        eventually(lambda: len(accepted) >= 40)
        if how == "end":
            assert program.end() == 0
        else:
            program.kill()
        for sender in senders:
            sender.join()
    assert accepted
    with running(tmp_path / "data") as program:
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["requests_waiting"] == 0)
        stored = {
            row["title"].removesuffix(" fails")
            for state in ("triggered", "acknowledged", "resolved")
            for row in every_incident(program, state)
        }
        assert stored >= set(accepted)


def every_incident(program: Program, state: str) -> Iterator[dict[str, object]]:
    cursor = ""
    while True:
        page = program.ask(
            "GET", f"/api/v1/incidents?limit=200&state={state}{cursor and '&cursor=' + cursor}"
        )[1]
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = page["next"]


def test_a_climb_goes_on_after_kill_9(tmp_path: Path) -> None:
    quick = programs.ORGANISATION.replace("timeout: 1h}]", "timeout: 3s}], repeat: 5")
    with running(tmp_path / "data") as program:
        declare(program, quick)
        trigger(program, "disk")
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["sent"])
        program.kill()
    with running(tmp_path / "data") as program:
        pages = program.ask("GET", "/api/v1/numbers")[1]["sent"]
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["sent"] > pages)


def test_sigterm_ends_the_program_although_a_live_stream_is_open(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        stream = connect(program)
        stream.request("GET", "/events?topic=now", headers={"Cookie": signed_in(program)})
        answer = stream.getresponse()
        assert answer.status == 200
        assert answer.readline().startswith(b"retry:")
        assert program.end() == 0
        answer.read()  # the stream was ended, not cut off
        stream.close()
    assert not (program.data / "address").exists()


def test_a_provider_that_hangs_does_not_hold_the_end_up_and_is_asked_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
        text = programs.ORGANISATION.replace('"console:bo"', f'"{address}"')
        with running(tmp_path / "data", TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8") as program:
            declare(program, text)
            trigger(program, "disk")
            first, _ = hanging.accept()  # the message is on its way, and stays there
            assert program.end() == 0  # by itself, not by the guard that ends what hangs
            first.close()
        with running(tmp_path / "data", TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8") as program:
            hanging.settimeout(60)
            again, _ = hanging.accept()  # given back when the program ended, so nobody waited for its lease
            again.close()


def test_a_restart_right_after_sigterm_finds_everything_released(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        declare(program)
        trigger(program, "disk")
        assert program.end() == 0
        assert (program.data / "tocsin.db-wal").exists() is False  # the log was emptied into the database
    with running(tmp_path / "data") as program:
        assert eventually(lambda: incidents(program))


def test_a_database_of_a_newer_program_is_refused_with_words(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        program.end()
    with sqlite3.connect(tmp_path / "data" / "tocsin.db") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('incident', '9999_later', '2030-01-01')"
        )
    database.close()
    refused = tocsin(tmp_path / "data", "run", "--port", "0")
    assert refused.returncode == 1
    assert "upgraded by a newer Tocsin (incident 9999_later is unknown here)" in refused.stderr


def test_another_secret_key_than_the_databases_is_refused_with_words(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        declare(program)
        eventually(lambda: "seal the journal" in program.ask("GET", "/metrics")[1])
        program.end()
    refused = tocsin(
        tmp_path / "data", "run", "--port", "0", TOCSIN_SECRET_KEY="quite another one than before"
    )
    assert refused.returncode == 1
    assert "belongs to another secret key" in refused.stderr


def test_clients_that_never_finish_their_request_hold_no_page_up(program: Program) -> None:
    url = urlsplit(program.address)
    slow = [socket.create_connection((url.hostname or "", url.port or 0)) for _ in range(12)]
    for one in slow:
        one.sendall(b"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert program.ask("GET", "/api/v1/me")[0] == 200
    for one in slow:
        one.close()


def test_a_page_request_that_is_too_large_is_refused_before_it_is_read(program: Program) -> None:
    url = urlsplit(program.address)
    with socket.create_connection((url.hostname or "", url.port or 0)) as large:
        large.sendall(b"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        assert large.recv(100).startswith(b"HTTP/1.1 413")


def test_a_query_that_is_no_text_is_not_an_error_of_ours(program: Program) -> None:
    url = urlsplit(program.address)
    with socket.create_connection((url.hostname or "", url.port or 0)) as strange:
        strange.sendall(b"GET /sign-in/?next=%ff\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status = int(strange.recv(100).split()[1])
    assert status < 500


def test_what_senders_show_is_believed_only_from_trusted_proxies(program: Program) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert program.ask("GET", "/metrics", headers=forwarded)[0] == 401  # through a proxy, so not from here
    assert program.ask("GET", "/metrics")[0] == 200


def test_ctrl_c_ends_the_program_as_sigterm_does(tmp_path: Path) -> None:
    with running(tmp_path / "data") as program:
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(PATIENCE) == 0


def test_a_secret_in_an_address_does_not_reach_the_log(tmp_path: Path) -> None:
    with running(tmp_path / "data", TOCSIN_LOG="debug") as program:
        declare(program)
        program.ask("POST", f"/hooks/{KEY}", {"summary": "x"})
        program.ask("GET", "/a/SECRETACTLINK")
        program.ask("GET", "/sign-in/link/SECRETLINK")
        program.end()
        log = program.log.read_text()
    assert KEY not in log
    assert "SECRETACTLINK" not in log
    assert "SECRETLINK" not in log
    assert program.token not in log
