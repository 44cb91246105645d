"""Texts that alerts were seen with, or that somebody would write to turn a page into something else."""

from __future__ import annotations

from hypothesis import strategies as st

from tocsin.notification.rules import Act, ActVerb, Message

DELIVERY = "6f6ddc0c-6a24-4b0e-bc5f-6d6a2f1a7a11"
LINK = "https://tocsin.example/incidents/412"

TEXTS = (
    "<!channel> everybody", "<!here|here>", "<!everyone>", "<@U1>", "<@U1|boss>", "<#C1|ops>", "<!subteam^S1>",
    "<!date^1392734382^{date}^https://evil.example/|x>", "<http://evil.example|https://bank.example>",
    "<mailto:a@b.example|sign in>", "<@U024BE7LH>",
    "@all @channel @here @everyone @bo.lind", "＠all", "@team-web,", "(@here)",
    "[Sign in](https://evil.example)", "[x](javascript:alert(1))", "![](http://10.0.0.1/pixel.png)",
    "[a]: http://evil.example\n[a]", "<https://evil.example>", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "<at>Everyone</at>", "&lt;!channel&gt;", "&#60;b&#62;", "&amp;lt;",
    "*bold* _italic_ ~gone~ `code` ```fence```", "# Heading\n## more", "> quoted", "- item\n+ item\n1. item\n1) x",
    "| a | b |\n|---|---|\n| 1 | 2 |", "~~gone~~ __init__ **x**", "***\n---\n___", "===\n", "    indented code",
    "```\nACKNOWLEDGED by Ada\n```", ":white_check_mark: resolved :+1:", ":fire::rotating_light:", ":100:", "12:30:45",
    "{{7*7}} ${jndi:ldap://x} %s <%= 1 %>", "{{ ''.__class__.__mro__ }}", "$\\frac{1}{0}$", "\\*not\\* \\\\ \\",
    "/ack 123456 /resolve@tocsin_bot", "cat /var/log/syslog", "tg://resolve?domain=evil", "#hashtag $CASH",
    "data:text/html,<script>1</script>", "javascript:alert(1)", "file:///etc/passwd", "\x00\x1b[31m\x07\r\nX: y",
    "\u202egnp.exe", "\u2066a\u2069", "\ud800 lone", "👩‍👩‍👧‍👦" * 2_000, "Z" + "\u0301" * 5_000, "🇩🇪" * 3_000,
    "x" * 100_000,
    "\u200b", " ", "", "\n\n\n", "\u2028line\u2029", "\\", "`", "``", "_", "<", ">", "&", "](", "![",
    '"}],"text":"x', "');--", "a\tb", "１２３", "ﷺ" * 3_000, "\\u003c!channel\\u003e", "%3C!channel%3E",
)  # fmt: skip

# Each of them is one character to its reader, and several to a program.
CHARACTERS = (
    "👩\u200d👩\u200d👧\u200d👦",
    "e\u0301",
    "👍🏽",
    "🇩🇪",
    "\u1112\u1161\u11ab",
    "❤\ufe0f",
    "नि",
    "😀",
)

# How chats call everybody, or somebody, or hide one address behind another.
CALLS = (
    "@channel", "@all", "@here", "@everyone", "@room", "@online", "@bo", "@bo.lind", "＠channel", "@ALL", "@channel,",
    "<!channel>", "<!here>", "<!everyone>", "<!channel|channel>", "<!subteam^S012AB3CD>", "<@U012AB3CD>",
    "<@everyone>", "<@&4711>", "<users/all>", "<at>all</at>", '<at id="0">Everybody</at>', "@**all**", "@_bo_",
    "tg://user?id=1", "[bo](tg://user?id=1)", '<a href="tg://user?id=1">bo</a>', "<https://evil.example|bank.example>",
    "[bank.example](https://evil.example)", '<a href="https://evil.example">bank.example</a>',
    "![](https://evil.example/pixel.png)", "<Response><Hangup/></Response>", "</Say><Dial>+4915112345678</Dial><Say>",
    '<speak><break time="30s"/></speak>', '<say-as interpret-as="telephone">1</say-as>', "]]><x/>", "<!ENTITY x 'y'>",
    "a\r\nBcc: eve@evil.example", "a\r\n\r\n<script>alert(1)</script>", "a\n.\nMAIL FROM:<eve@evil.example>",
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{% for x in y %}", "{0.__class__}", "%(code)s", "%s%n", "`id`",
)  # fmt: skip


def is_whole(text: str, character: str) -> bool:
    """Whether `text`, in which nothing but `character` and signs of ours is beyond ASCII, holds no part of one."""
    rest = text.replace(character, "")
    return all(c.isascii() or c in "…·é🔴\u2060" for c in rest)


texts = st.one_of(
    st.sampled_from(TEXTS),
    st.text(max_size=300),
    st.lists(st.one_of(st.sampled_from(TEXTS), st.text(max_size=20)), max_size=6).map("".join),
    st.text(alphabet="<>&@!#|*_~`:[]()\\/{}$^-+.=\"' \nabU1http", max_size=60),
)


def message(subject: str = "[P1] Checkout fails · Web shop #412", *lines: str, **more: object) -> Message:
    """A page about incident 412 with its three buttons."""
    given: dict[str, object] = {
        "id": DELIVERY,
        "subject": subject,
        "lines": lines,
        "acts": (
            Act(ActVerb.ACKNOWLEDGE, "Acknowledge", "https://tocsin.example/a/ack"),
            Act(ActVerb.RESOLVE, "Resolve", "https://tocsin.example/a/resolve"),
            Act(ActVerb.ESCALATE, "Escalate", "https://tocsin.example/a/escalate"),
        ),
        "link": LINK,
        "thread": "incident-412",
        "details": {"incident": 412, "title": "Checkout fails", "priority": "P1", "impact": "major"},
        "state": "triggered",
    }
    return Message(**{**given, **more})  # type: ignore[arg-type]


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A page made of hostile texts everywhere that an alert's or a person's text can come to stand."""
    details = {
        "title": draw(texts),
        "priority": draw(st.one_of(texts, st.just("P1"))),
        "impact": draw(texts),
        "service": draw(texts),
    }
    state = draw(st.sampled_from(("", "triggered", "acknowledged", "resolved", "closed")))
    lines = draw(st.lists(texts, max_size=5))
    return message(draw(texts), *lines, note=draw(texts), details=details, state=state)
