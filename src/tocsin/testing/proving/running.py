"""Page people through every channel, in every mood of its provider, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from tocsin import channels
from tocsin.answering.actions import answer
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Organisation, Service
from tocsin.channels import webpush
from tocsin.engine.attempt import deliver_one
from tocsin.incident.actions import acknowledge, open_incident
from tocsin.kernel.acting import ENGINE, by_user
from tocsin.notification.accounts import CIRCUITS
from tocsin.notification.actions import Call, page_people, quiet
from tocsin.notification.channels import channel_at_hand, get_ready
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim, next_delivery_at
from tocsin.notification.deadline import within
from tocsin.notification.models import Delivery, Rule
from tocsin.notification.providers import save_provider
from tocsin.notification.receipts import give_up_waiting
from tocsin.notification.recording import Result, record_all
from tocsin.notification.rules import SEND_DEADLINE, DeliveryState
from tocsin.people.models import Contact, User
from tocsin.site.config import Config
from tocsin.testing.fakes import Mood, running
from tocsin.testing.proving.letters import FakeMail
from tocsin.testing.proving.oracle import Due, Got, Verdict, judge
from tocsin.testing.proving.subjects import FakeHook, Subject, subjects

T0 = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SPAN = timedelta(minutes=10)  # of each mood
BACKUP_AFTER = 2 * SPAN  # by the rules; it comes only when what stands before it fails
STEP = timedelta(seconds=1)
ANSWER_AFTER = timedelta(seconds=3)
LATER = timedelta(seconds=5)  # until a provider says what became of a message
AT_ONCE = 32
ENDLESS = (Mood.HANGS, Mood.TRICKLES)  # whoever is in such a mood is waited for until the deadline

FALLBACK = timedelta(seconds=60)  # A8, A10, A13: until a page is there through whatever channel is well


@dataclass(frozen=True)
class Scenario:
    """How providers behave. `receipts` says what they say later: "arrived", "failed", or "" for nothing."""

    name: str
    mood: Mood
    receipts: str = "arrived"
    within: timedelta = FALLBACK
    may_double: bool = False
    receipts_only: bool = False  # for channels that give receipts


HUNG = timedelta(seconds=75)  # attempts of ten seconds each, and what lies between
SCENARIOS = (
    Scenario("well", Mood.WELL, within=timedelta(seconds=2)),
    Scenario("too many requests", Mood.BUSY),
    Scenario("its own fault", Mood.BROKEN),
    Scenario("takes it, drops the reply", Mood.DROPS, may_double=True),
    Scenario("hangs", Mood.HANGS, within=HUNG),
    Scenario("a byte a second", Mood.TRICKLES, within=HUNG),
    Scenario("garbles", Mood.GARBLES),
    Scenario("failed later", Mood.WELL, "failed", receipts_only=True),
    Scenario("no receipt", Mood.WELL, "", within=timedelta(seconds=100), receipts_only=True),
)


@dataclass(frozen=True)
class Around:
    """What the channels are wired with: the instance's settings, and the mail server of the proof."""

    url: str
    allowed_networks: tuple[str, ...]
    smtp_url: str


def prove(
    config: Config,
    deadline: float,
    say: Callable[[str], None] = lambda text: None,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> list[Verdict]:
    """The verdicts. The database is empty and this proof's own; `deadline` is how many seconds a provider gets that
    never answers: those that do get as long as in use, however busy this machine is."""
    with FakeMail() as mail, running(FakeHook()) as backup:
        around = Around(config.url, config.allowed_networks, mail.url)
        channels.wire(around, config.secret_key)
        with subjects(mail, webpush.keys().public) as every:
            proof = Proof(every, backup, deadline)
            for scenario in scenarios:
                say(scenario.name)
                proof.play(scenario)
            return proof.verdicts()


class Proof:
    """One small organisation; `play` pages its people, `verdicts` judges."""

    def __init__(self, every: Sequence[Subject], backup: FakeHook, deadline: float) -> None:
        self._every, self._deadline = every, deadline
        self._backup = Subject("backup", backup, lambda n: f"{backup.url}/{n}")
        self._now = T0
        self._count = 0
        self._dues: list[Due] = []
        self._got: list[Got] = []
        self._open: list[int] = []  # incidents
        self._later: list[tuple[datetime, Callable[[], None]]] = []
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="proof")
        Organisation.objects.update_or_create(pk=1, defaults={"name": "Proof"})
        Service.objects.create(id="proof", name="Proof", tier=3)
        for subject in every:
            if subject.account is not None:
                save_provider(subject.account, ENGINE, self._now)

    def play(self, scenario: Scenario) -> None:
        """Page two people through every channel: one who does not answer, and one who does, a moment later."""
        for subject in self._every:
            if not scenario.receipts_only or subject.gives_receipts:
                subject.provider.mood = scenario.mood
                for answers in (False, True):
                    self._page(subject, scenario, self._person(subject), answers)
        ends = self._now + SPAN
        while self._now < ends:
            self._step(scenario)
        quiet(self._open, "the proof goes on to the next mood", self._now)
        self._open.clear()
        CIRCUITS.keep_only(())  # the next mood is another day

    def verdicts(self) -> list[Verdict]:
        """What became of every page."""
        self._threads.shutdown()
        stored: dict[str, int] = {}
        sure = Delivery.objects.filter(
            state__in=(DeliveryState.SENT, DeliveryState.CONFIRMED), unconfirmed_at=None
        )
        for subject in sure.values_list("page__subject", flat=True):
            mark = _mark_in(subject)
            stored[mark] = stored.get(mark, 0) + 1
        return judge(self._dues, self._got, stored)

    def _person(self, subject: Subject) -> User:
        """Somebody new who is reached through the subject, and if that fails through a channel that is well."""
        self._count += 1
        number, now = self._count, self._now
        user = User.objects.create(
            id=f"person{number}", name=f"Person {number}", email=f"person{number}@example.com", created_at=now
        )
        for name, address in (("first", subject.address(number)), ("backup", self._backup.address(number))):
            Contact.objects.create(user=user, name=name, address=address, vouched_by="engine")
        for position, (name, delay) in enumerate((("first", timedelta(0)), ("backup", BACKUP_AFTER))):
            Rule.objects.create(user=user, urgency="high", position=position, contact=name, delay=delay)
        refresh()
        return user

    def _page(self, subject: Subject, scenario: Scenario, user: User, answers: bool) -> None:
        now, mark = self._now, f"probe-{self._count:04d}"
        with transaction.atomic():
            incident = open_incident("proof", mark, by=ENGINE, now=now)
            page_people([Call(user.pk, incident.pk, "high", "proof", f"[P3] {mark} · Proof")], now)
        self._open.append(incident.pk)
        answered_at = now + ANSWER_AFTER if answers else None
        if answered_at is not None:
            by = by_user(user.pk, "link")
            self._later.append((answered_at, lambda: _quietly(incident.pk, by, self._now)))
        within = max(scenario.within, FALLBACK) if subject.never_takes else scenario.within
        self._dues.append(
            Due(mark, subject.name, scenario.name, now, within, answered_at, scenario.may_double)
        )

    def _step(self, scenario: Scenario) -> None:
        """Everything that is due now; then time goes on to what is due next."""
        for at, act in [each for each in self._later if each[0] <= self._now]:
            self._later.remove((at, act))
            act()
        give_up_waiting(self._now)
        get_ready()
        now = self._now
        claimed = claim(now)
        results = list(self._threads.map(lambda one: self._deliver(one, scenario, now), claimed))
        self._listen(scenario)
        if scenario.mood in ENDLESS and results:
            self._now += SEND_DEADLINE  # what a real provider would have cost
        record_all(results, lambda: 0.5, self._now)
        if claimed:
            return
        wanted = [at for at, _ in self._later]
        due = next_delivery_at()
        overdue = Delivery.objects.filter(
            state=DeliveryState.SENT, receipt_by__isnull=False, unconfirmed_at=None
        )
        wanted += [due] if due is not None else []
        wanted += [row.receipt_by for row in overdue.order_by("receipt_by")[:1] if row.receipt_by]
        self._now = max(self._now + STEP, min(wanted, default=self._now + SPAN))

    def _deliver(self, one: Claimed, scenario: Scenario, now: datetime) -> Result:
        endless = scenario.mood in ENDLESS and not one.address.startswith(self._backup.provider.url)
        with within(self._deadline if endless else SEND_DEADLINE.total_seconds()):
            return deliver_one(one, lambda: now, channel_at_hand)

    def _listen(self, scenario: Scenario) -> None:
        """Take down what the providers got, and let them say later what became of it."""
        for subject in (*self._every, self._backup):
            own = subject is self._backup
            for text, taken, request in subject.news():
                if not (mark := _mark_in(text)):
                    continue
                arrives = own or not subject.gives_receipts or scenario.receipts == "arrived"
                self._got.append(Got(mark, self._now, taken and arrives))
                if taken and scenario.receipts and subject.gives_receipts and request is not None:
                    self._say_later(subject, request, scenario.receipts == "arrived")

    def _say_later(self, subject: Subject, request: object, arrived: bool) -> None:
        def say() -> None:
            for heard in subject.heard(request, arrived, self._now):  # type: ignore[arg-type]
                answer(heard, subject.account.id if subject.account else "", self._now)

        self._later.append((self._now + (STEP if arrived else LATER), say))


def _quietly(incident_id: int, by: object, now: datetime) -> None:
    acknowledge(incident_id, by, now)  # type: ignore[arg-type]


def _mark_in(text: str) -> str:
    """The mark of the page that `text` is about; "" for none."""
    begin = text.find("probe-")
    return text[begin : begin + 10] if begin >= 0 else ""
