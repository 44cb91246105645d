"""The house keeps its own rules: arrows, places, words that must not stand in the repository."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tocsin"
LOCKS = ("requirements.lock", "requirements-dev.lock")
RULES = sorted(
    str(path.relative_to(SOURCE))
    for pattern in ("*/rules.py", "*/rules/*.py")
    for path in SOURCE.glob(pattern)
)
CLOCKS = re.compile(r"\b(datetime\.now|datetime\.utcnow|timezone\.now|date\.today|time\.time)\b")


def tracked(*patterns: str) -> list[Path]:
    """The files git knows, or would know: what is ignored is left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_every_arrow_between_rooms_points_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", RULES)
def test_rules_import_only_the_standard_library_the_kernel_and_rules(file: str) -> None:
    tree = ast.parse(text_of(SOURCE / file))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top, *rest = name.split(".")
            pure = top in sys.stdlib_module_names or (
                top == "tocsin" and (rest[0] == "kernel" or "rules" in rest)
            )
            assert pure and top not in ("random", "time", "logging"), f"{file} line {node.lineno}: {name}"


def test_nothing_below_the_site_reads_the_clock() -> None:
    """What happens when is decided by `now`, a value; only the edges above (site, command line) ask what time it is."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] not in ("site", "cli")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if CLOCKS.search(line)
    ]
    assert found == []


def test_a_vendor_is_named_only_where_vendors_are_spoken_to() -> None:
    """Adding a vendor is one new file: no room below the edges knows one by name."""
    vendors = re.compile(r"\b(pagerduty|opsgenie|grafana|slack|twilio|telegram|datadog|zabbix)\b", re.I)
    rooms = ("kernel", "journal", "people", "notification", "incident", "escalation", "oncall", "engine")
    found = []
    for room in rooms:
        for path in (SOURCE / room).rglob("*.py"):
            code = ast.unparse(_without_docstrings(ast.parse(text_of(path))))
            found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in vendors.finditer(code)]
    assert found == []


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The code alone: prose may compare with a vendor, code may not depend on one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ] or [ast.Pass()]
    return tree


def test_templates_carry_no_style_and_no_script_of_their_own() -> None:
    """The content security policy forbids inline code; a template that has some would silently not work."""
    inline = re.compile(
        r"<style\b|\sstyle\s*=|<script\b(?![^>]*\bsrc=)|\son[a-z]+\s*=\s*[\"']|javascript:|\shx-on[:=-]", re.I
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in SOURCE.rglob("templates/**/*.html")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if inline.search(line)
    ]
    assert found == []


def test_pages_fetch_nothing_from_elsewhere() -> None:
    """A page opens on a network without the internet: scripts, styles and pictures are our own."""
    foreign = re.compile(
        r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.I
    )
    in_css = re.compile(r"url\(\s*[\"']?(?:https?:)?//|@import", re.I)
    found = [
        str(path.relative_to(ROOT))
        for path in [*SOURCE.rglob("templates/**/*.html"), *SOURCE.rglob("static/**/*.css")]
        if (in_css if path.suffix == ".css" else foreign).search(text_of(path))
    ]
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_names_no_index(name: str) -> None:
    text = text_of(ROOT / name)
    assert "://" not in text and "--index" not in text and "find-links" not in text
    pins = re.findall(r"^[a-z0-9].*", text, re.M | re.I)
    assert len(pins) > 20
    for pin in pins:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .+)? \\$", pin), pin
    assert len(re.findall(r"\\\n    --hash=sha256:", text)) >= len(pins)


def test_the_locks_agree_with_each_other() -> None:
    runtime, develop = (
        dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", text_of(ROOT / name), re.M))
        for name in LOCKS
    )
    assert {name: develop.get(name) for name in runtime} == runtime


def test_every_dependency_is_used() -> None:
    """What nothing imports is not installed for nothing, and what is imported is declared."""
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = [
        text for extra, some in project["optional-dependencies"].items() if extra != "dev" for text in some
    ]
    plain = {re.split(r"[^A-Za-z0-9_.-]", text)[0].lower() for text in [*project["dependencies"], *extras]}
    named_in_settings = {"argon2-cffi", "django-htmx", "httptools"}  # or to the server, in words
    provided: dict[str, set[str]] = {}
    for module, distributions in importlib.metadata.packages_distributions().items():
        for name in distributions:
            provided.setdefault(name.lower().replace("_", "-"), set()).add(module)
    imported = {
        name.split(".")[0]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(text_of(path)))
        for name in _imported(node)
    }
    unused = {name for name in plain - named_in_settings if not provided.get(name, set()) & imported}
    assert unused == set()
    known = set().union(*(provided.get(name, set()) for name in plain))
    assert imported - known - set(sys.stdlib_module_names) - {"tocsin"} == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []


def test_nothing_in_the_repository_names_a_machine() -> None:
    """No home folders, no workplace paths, no package mirrors: what is here works anywhere."""
    machine = re.compile(
        r"/(?:home|Users|root)/[a-z]|/work/[a-z.]|/opt/(?:wheels|pypi)|index(?:-url)?[ =]+\S*://"
    )
    this = Path(__file__).resolve()
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path != this and path.suffix not in (".png", ".ico", ".woff2")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if machine.search(line)
    ]
    assert found == []


def test_files_stay_readable() -> None:
    """A file near 300 lines can be held in the head; twice that cannot."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and (lines := len(text_of(path).splitlines())) > 600
    }
    assert long == {}
