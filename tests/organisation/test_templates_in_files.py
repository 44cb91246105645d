"""Templates of messages in the organisation's file: what is said, what is kept, and what is told with its line."""

from __future__ import annotations

import pytest
import yaml

from tests.organisation.files import applied, mistakes
from tests.world import Clock
from tocsin.catalog.models import Integration
from tocsin.journal.models import Entry
from tocsin.notification.models import Templates
from tocsin.notification.templates import texts_of
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File, FilesRefused
from tocsin.organisation.schema import json_schema

TEXT = "{{title}}\n{{#labels}}\n{{name}}: {{value}}\n{{/labels}}\n# no comment: 100 %"
FILE = """
templates:
  default:
    subject: "[{{priority}}] {{title}}, {{service}}"
    text: |
      {{title}}
      {{#labels}}
      {{name}}: {{value}}
      {{/labels}}
      # no comment: 100 %
  de:
    resolved_subject: "Vorbei: {{title}}"
"""

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outbox", "world")]


def test_a_file_makes_them_and_the_same_file_again_changes_nothing(clock: Clock) -> None:
    assert applied(FILE, clock) == [
        "add templates default",
        "add templates de",
        "2 to add, 0 to change, 0 to remove.",
    ]
    assert texts_of("default") == {"subject": "[{{priority}}] {{title}}, {{service}}", "text": TEXT}
    assert texts_of("de") == {"resolved_subject": "Vorbei: {{title}}"}
    assert applied(FILE, clock) == ["Nothing changes."]


def test_the_export_applies_to_nothing_changed_and_is_written_line_by_line(clock: Clock) -> None:
    Integration.objects.all().delete()
    applied(FILE, clock)
    text = export()
    assert plan([File("again.yaml", text)], prune=True).in_words() == ["Nothing changes."]
    assert yaml.safe_load(text)["templates"]["default"]["text"] == TEXT
    assert "\n      {{#labels}}\n" in text


def test_without_templates_there_is_nothing_of_them_in_the_export() -> None:
    assert "templates" not in yaml.safe_load(export())


def test_a_plan_says_what_changes_a_subject_in_full_and_a_text_by_its_name(clock: Clock) -> None:
    applied(FILE, clock)
    words = applied(FILE.replace("[{{priority}}]", "{{priority}}").replace("100 %", "all"), clock)
    assert words[0] == (
        "change templates default: subject [{{priority}}] {{title}}, {{service}} → "
        "{{priority}} {{title}}, {{service}}, text changed"
    )


def test_a_piece_left_out_goes_back_and_a_language_left_out_goes_only_when_pruned(clock: Clock) -> None:
    applied(FILE, clock)
    less = 'templates:\n  default: {subject: "{{title}}"}\n'
    assert applied(less, clock)[0].startswith("change templates default: subject")
    assert texts_of("default") == {"subject": "{{title}}"}
    assert texts_of("de") == {"resolved_subject": "Vorbei: {{title}}"}
    assert applied(less, clock, prune=True)[0] == "remove templates de"
    assert list(Templates.objects.values_list("pk", flat=True)) == ["default"]


def test_each_change_is_written_down(clock: Clock) -> None:
    applied(FILE, clock)
    applied("templates: {}", clock, prune=True)
    kinds = Entry.objects.filter(kind__startswith="templates.").order_by("pk")
    assert [(row.kind, row.data["templates"], row.who) for row in kinds] == [
        ("templates.saved", "default", "cli"),
        ("templates.saved", "de", "cli"),
        ("templates.deleted", "de", "cli"),
        ("templates.deleted", "default", "cli"),
    ]
    first = kinds[0].data["after"]
    assert (first["subject"], first["resolved_text"]) == ("[{{priority}}] {{title}}, {{service}}", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{de: {subject: "{{titel}}"}}',
            "org.yaml:1: In line 1 {{titel}} names nothing that a message knows.",
        ),
        ("{de: {subjekt: a}}", "org.yaml:1: Unknown key 'subjekt' in templates of a language."),
        (
            "{xx: {subject: a}}",
            "org.yaml:1: No messages are in 'xx'. Expected one of default, en, de, es, fr.",
        ),
        ("{de: {}}", "org.yaml:1: It says nothing. Expected at least one of subject, text,"),
        ("{de: {subject: null}}", "org.yaml:1: It says nothing."),
        ('{de: {subject: ""}}', "org.yaml:1: It says nothing. Expected a template."),
        ('{de: {subject: "a\\nb"}}', "org.yaml:1: It has more than one line."),
        ('{de: {text: "a\\n{{#note}}\\nb"}}', "org.yaml:1: {{#note}} of line 2 is not closed."),
        ('{de: {text: "{{why}}"}}', "org.yaml:1: In line 1 {{why}} names nothing that a message knows."),
        (f"{{de: {{subject: {'x' * 501}}}}}", "org.yaml:1: It has 501 characters. Expected at most 500."),
        (f"{{de: {{text: {'x' * 4001}}}}}", "org.yaml:1: It has 4001 characters. Expected at most 4000."),
        ("[de]", "org.yaml:1: a list stands where key: value pairs belong."),
        ("{de: text}", "org.yaml:1: 'text' stands where key: value pairs belong."),
        ("{de: {subject: [a]}}", "org.yaml:1: a list stands where a template belongs."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(text: str, said: str) -> None:
    told = mistakes(f"templates: {text}\n")
    assert len(told) == 1
    assert told[0].startswith(said), told


def test_all_mistakes_are_told_at_once_and_nothing_is_applied() -> None:
    told = mistakes('templates:\n  de: {subject: "{{x}}"}\n  fr:\n    text: "{{#title}}"\n')
    assert [problem.partition(": ")[0] for problem in told] == ["org.yaml:2", "org.yaml:4"]
    assert not Templates.objects.exists()


def test_a_language_may_be_declared_in_one_file_only() -> None:
    files = [File(name, 'templates: {de: {subject: "{{title}}"}}') for name in ("a.yaml", "b.yaml")]
    with pytest.raises(FilesRefused, match="Templates de is declared twice"):
        plan(files)


def test_the_schema_for_editors_knows_the_languages_and_the_pieces() -> None:
    section = json_schema()["properties"]["templates"]
    assert sorted(section["properties"]) == ["de", "default", "en", "es", "fr"]
    assert list(section["properties"]["de"]["properties"]) == [
        "subject",
        "text",
        "resolved_subject",
        "resolved_text",
    ]
