"""A thousand answers, right and wrong in every way, from whom one knows and from strangers (TRUST C32).

What is acknowledged is what was named with its own code by whom it was sent to, and nothing else ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import transaction

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.answering.mail import answer_letter
from tocsin.channels.email import as_html
from tocsin.incident.models import Incident
from tocsin.notification.hearing import Written
from tocsin.notification.links import reply_code
from tocsin.notification.models import Page
from tocsin.sources.letters import read_letter

ANSWERS = 1_000
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
QUOTES = (
    "\n\n> {}", "\n\nOn Mon, 2 Mar 2026 at 09:00, Tocsin wrote:\n> ack {}",
    "\r\n\r\n-----Original Message-----\r\nack {}", "\n\nFrom: Tocsin <tocsin@example.com>\nSent: Monday\n\nack {}",
    "\n\nAm 02.03.2026 um 09:00 schrieb Tocsin:\n> {}\n> resolve", "\n-- \nBo, +49 30 {}", "\n____________\nack {}",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """One answer, and which incident it may acknowledge for whom; None for none."""

    who: str
    text: str
    expected: tuple[int, str] | None
    page: Page | None = None  # when it comes by mail, to this message's own mailbox


class People:
    """Writes answers. Bo and Cy were both paged about both incidents."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pages = list(Page.objects.filter(kind="page").order_by("pk"))
        self.codes = {reply_code(page.pk) for page in self.pages}

    def says(self) -> Said:
        page = self.chance.choice(self.pages)
        return self.chance.choice(self.kinds())(page, page.user_id or "", reply_code(page.pk))

    def kinds(self) -> list[Callable[[Page, str, str], Said]]:
        return [
            self._right, self._right, self._right, self._quoted_only, self._two_codes, self._no_code, self._stranger,
            self._somebody_elses, self._nearly, self._not_understood, self._by_mail, self._mail_quoting,
            self._mail_with_another_code,
        ]  # fmt: skip

    def _another(self, code: str) -> str:
        return self.chance.choice(sorted(self.codes - {code}))

    def _right(self, page: Page, who: str, code: str) -> Said:
        shown = self.chance.choice([code, code.translate(FULL_WIDTH), f"{code}.", f"*{code}*", f"({code})"])
        written = self.chance.choice(
            ["{}", "ack {}", "ACK   {}", "\n\n  {}\t ", "{} ack please", "ok {} thanks", "Ack: {}!", "quittieren {}",
             "\u00a0{}\u200b", "yes, {}"]
        ).format(shown)  # fmt: skip
        tail = self.chance.choice(["", "", *QUOTES]).format(self._another(code))
        return Said(who, written + tail, (page.incident_id or 0, who))

    def _quoted_only(self, page: Page, who: str, code: str) -> Said:
        said = self.chance.choice(["", "thanks", "I am on the train", "which one?", "ack"])
        return Said(who, said + self.chance.choice(QUOTES).format(code), None)

    def _two_codes(self, page: Page, who: str, code: str) -> Said:
        between = self.chance.choice([" ", " and ", "\n", ", ", " ack "])
        return Said(who, f"ack {code}{between}{self._another(code)}", None)

    def _no_code(self, page: Page, who: str, code: str) -> Said:
        texts = [
            "ack",
            "Ack!",
            " ack ",
            "acknowledge both",
            "ok",
            "yes",
            "",
            "👍",
            "resolve",
            "I take it",
            "ack all",
            "1",
            "ack #1",
        ]
        return Said(who, self.chance.choice(texts), None)

    def _stranger(self, page: Page, who: str, code: str) -> Said:
        stranger = self.chance.choice(
            ["stranger", "sam", f"{who} ", f"{who}\n", "", f"{who}@evil.example", who.upper(), "ada"]
        )
        return Said(stranger, f"ack {code}", None)

    def _somebody_elses(self, page: Page, who: str, code: str) -> Said:
        return Said("cy" if who == "bo" else "bo", f"ack {code}", None)

    def _nearly(self, page: Page, who: str, code: str) -> Said:
        wrong = f"{(int(code) + self.chance.randrange(1, 10**6)) % 10**6:06}"
        near = [
            f"{code}0",
            code[:5],
            f"{code[:2]} {code[2:]}",
            f"0{code}",
            f"{code}{code}",
            f"+{code}",
            f"x{code}",
            code[::-1],
        ]
        written = self.chance.choice([wrong, *near])
        return Said(who, f"ack {written}", None if written not in self.codes else (0, ""))

    def _not_understood(self, page: Page, who: str, code: str) -> Said:
        texts = ["is {} the code?", "do not ack {}", "ack resolve {}", "ack {} resolve", "never mind {}", "not {}",
                 "{}?? what is it", "who acked {}", "ack {} when I am home"]  # fmt: skip
        return Said(who, self.chance.choice(texts).format(code), None)

    def _by_mail(self, page: Page, who: str, code: str) -> Said:
        begin = self.chance.choice(["ack", "Ack.", f"ack {code}", "ok ack", "  ACK  "])
        tail = self.chance.choice(["", "\n\nI look into it.", *QUOTES]).format(self._another(code))
        return Said(who, begin + tail, (page.incident_id or 0, who), page)

    def _mail_quoting(self, page: Page, who: str, code: str) -> Said:
        begin = self.chance.choice(
            ["", "I look into it", "what is this?", "Out of office until Monday: please ack with Cy"]
        )
        return Said(who, begin + self.chance.choice(QUOTES).format(code), None, page)

    def _mail_with_another_code(self, page: Page, who: str, code: str) -> Said:
        return Said(who, f"ack {self._another(code)}", None, page)


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    road = Road(world, clock)
    road.event("one", title="Checkout fails")
    road.event("two", title="Search fails")
    road.live(minutes=6)
    assert set(Page.objects.filter(kind="page").values_list("user", flat=True)) == {"bo", "cy"}
    return road


def acknowledged() -> dict[int, str]:
    return {each.pk: each.acknowledged_by for each in Incident.objects.exclude(state="triggered")}


def test_c32_of_a_thousand_answers_none_acknowledges_what_was_not_meant(road: Road) -> None:
    people, meant = People(32), 0
    for turn in range(ANSWERS):
        said = people.says()
        if said.expected == (0, ""):
            continue  # a wrong code that happens to be another message's
        with transaction.atomic():
            if said.page is None:
                answer(Written(f"fake:{said.who}", said.text), "texts", road.now)
            else:
                answer_letter(said.page.pk, said.text, f"<{turn}@example.com>", road.now)
            expected = {said.expected[0]: f"user:{said.expected[1]}"} if said.expected else {}
            assert acknowledged() == expected, said
            meant += bool(expected)
            transaction.set_rollback(True)
    assert ANSWERS // 5 < meant < ANSWERS // 2


# -- letters in which nothing is new -----------------------------------------------------------------------------------

HEAD = "From: Bo <bo@example.com>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
EMPTY_ANSWERS = (
    "<div><br></div><div>On Mon, 2 Mar 2026 at 09:00, Tocsin wrote:</div><blockquote>{}</blockquote>",
    "<div>On Mon, 2 Mar 2026, Tocsin &lt;t@example.com&gt; wrote:<br></div><blockquote><div>{}</div></blockquote>",
    "<p></p><hr><div><b>From:</b> Tocsin &lt;t@example.com&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Bo<br></div>{}",
    "<div>-----Original Message-----</div>{}",
    "<div>________________________________</div><div>{}</div>",
    "<blockquote><blockquote><p>older</p></blockquote>{}</blockquote>",
)


@pytest.mark.parametrize("answer_to", EMPTY_ANSWERS)
def test_c32_a_letter_that_only_quotes_our_own_buttons_presses_none(
    road: Road, outbox: Outbox, answer_to: str
) -> None:
    """As a page our letter begins with a button of one word, and that word is a verb."""
    page = Page.objects.filter(user="bo").latest("created_at")
    raw = HEAD + answer_to.format(as_html(outbox.to("bo")[-1]))
    answer_letter(page.pk, read_letter(raw.encode(), "bo@example.com").text, "<1@example.com>", road.now)
    assert acknowledged() == {}


def test_c32_what_is_new_above_it_still_counts(road: Road, outbox: Outbox) -> None:
    page = Page.objects.filter(user="bo").latest("created_at")
    raw = HEAD + "<div>ack</div>" + EMPTY_ANSWERS[0].format(as_html(outbox.to("bo")[-1]))
    answer_letter(page.pk, read_letter(raw.encode(), "bo@example.com").text, "<1@example.com>", road.now)
    assert acknowledged() == {page.incident_id: "user:bo"}
