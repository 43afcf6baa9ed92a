"""The numbers of `docs/development`: rules have tests, and whatever is cited is there.

A test names a rule of the contract by its own name (`test_6_3_...`) or in its docstring ("Contract 6.3, 7.1"); it names
a row of the catalogue of faults as "Fault 116", `test_fault_116_...`, and a row of the security list as "Security 55",
"Security A2 to A8", `test_security_55_...`. A case of the hooks' suite names rules alone: "8.5: ...".
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "development"
CONTRACT = (PAGES / "contract.md").read_text(encoding="utf-8")
FAULTS = (PAGES / "faults.md").read_text(encoding="utf-8")

RULES = re.findall(r"^\*\*(\d+\.\d+)\*\* \S", CONTRACT, flags=re.MULTILINE)
SECTIONS = re.findall(r"^## (\d+)\. \S", CONTRACT, flags=re.MULTILINE)

RULE = r"\d{1,2}(?:\.\d{1,2})?(?![\d.]*\d)"
SEPARATOR = r"(?:,|,? and|,? to)[\s#]+"
# "contract 6.3", "Contract 4.1 to 4.3", "(contract\n    # 10.5)", "rule 16.2", "7.1 and 7.2 of the contract".
CITED_RULES = (
    re.compile(rf"\b(?:[Cc]ontract,?|[Rr]ules?)[\s#]+({RULE}(?:{SEPARATOR}{RULE})*)"),
    re.compile(rf"({RULE}(?:{SEPARATOR}{RULE})*)[\s#]+of[\s#]+the[\s#]+contract\b"),
)
ROW = r"\d+(?![.\d])"
CITED_FAULTS = re.compile(rf"\b[Ff]aults?[\s#]+({ROW}(?:{SEPARATOR}{ROW})*)")
CITED_SECURITY = re.compile(rf"\b[Ss]ecurity[\s#]+((?:[A-L]?\d+|[A-L])\b(?:{SEPARATOR}(?:[A-L]?\d+|[A-L])\b)*)")
CITED_MEASURED = re.compile(rf"\b(?:[Ss]ockets|[Mm]easured)[\s#]+(E\d+(?:{SEPARATOR}E\d+)*)")


class Test(NamedTuple):
    """A test function, or a case of the hooks' suite."""

    __test__ = False  # pytest: this is none

    place: str
    name: str
    docstring: str
    is_case: bool


def section(title: str) -> str:
    """The part of the page on faults with that heading."""
    return FAULTS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[str]:
    """What the first column of the tables says, without their headings."""
    return re.findall(r"^\| ([A-Z]?\d+) \|", text, flags=re.MULTILINE)


def security_rows() -> set[str]:
    """The rows, the groups, and the rows with their group: 55, K, K55."""
    known = set()
    for part in section("Security").split("\n### ")[1:]:
        group = part[0]
        known |= {group, *rows(part), *(f"{group}{row}" for row in rows(part))}
    return known


def texts(*folders: str) -> dict[str, str]:
    """The Python and Markdown files of these folders."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md"} and path.is_file()
    }


def is_case(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a case of the suite that `test_8_hook` runs on each loop."""
    return any(isinstance(call, ast.Call) and "case" == ast.unparse(call.func) for call in function.decorator_list)


@cache
def all_tests() -> list[Test]:
    return [
        Test(place, node.name, ast.get_docstring(node) or "", is_case(node))
        for place, text in texts("tests").items()
        if place.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if node.name.startswith("test_") or is_case(node)
    ]


def numbers(cited: str) -> list[str]:
    """Split what a citation lists; of a range, its two ends and all rules between them."""
    found = re.findall(r"[A-Z]?[\d.]*[\dA-Z]", cited.replace("and", " ").replace("to", " "))
    if "to" in cited and all("." in number for number in found):
        chapter = found[0].partition(".")[0]
        first, last = (int(number.partition(".")[2]) for number in (found[0], found[-1]))
        found += [f"{chapter}.{number}" for number in range(first, last + 1)]
    return found


def rules_in(text: str) -> set[str]:
    return {number for pattern in CITED_RULES for cited in pattern.findall(text) for number in numbers(cited)}


def rules_of(test: Test) -> set[str]:
    """The rules that a test names."""
    named = rules_in(test.docstring)
    if test.is_case:
        named.update(*map(numbers, re.findall(rf"^({RULE}(?:{SEPARATOR}{RULE})*):", test.docstring)))
    by_name = re.match(r"test_(\d+)_(\d+)(?=_)", test.name)
    return named | {f"{by_name[1]}.{by_name[2]}"} if by_name else named


def test_the_page_has_rules_and_sections() -> None:
    """Every rule stands in its section, in order and once; the contract has nineteen sections."""
    assert [str(number) for number in range(1, 20)] == SECTIONS
    for number, chapter in enumerate(re.split(r"^## \d+\. ", CONTRACT, flags=re.MULTILINE)[1:], start=1):
        found = re.findall(r"^\*\*(\d+\.\d+)\*\* ", chapter, flags=re.MULTILINE)
        assert [f"{number}.{rule}" for rule in range(1, len(found) + 1)] == found
        assert found or number == 19


def test_every_rule_is_named_by_a_test() -> None:
    """A promise that no test names may be broken without anybody noticing."""
    named = {rule for test in all_tests() for rule in rules_of(test)}

    assert [] == [rule for rule in RULES if rule not in named]


def test_every_rule_that_is_cited_exists() -> None:
    """Code, tests and pages cite rules and sections that are in the contract."""
    known = {*RULES, *SECTIONS}
    cited = texts("urlrequest", "tests", "docs") | {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    unknown = {place: missing for place, text in cited.items() if (missing := rules_in(text) - known)}

    assert {} == unknown
    assert 80 <= sum(bool(rules_in(text)) for text in cited.values())


def test_behaviour_tests_say_what_they_cover() -> None:
    """Each file of tests/behaviour begins with its part of the contract, or with the page of the reference it tests."""
    folder = ROOT / "tests" / "behaviour"
    openings = {path.name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in folder.glob("*.py")}
    pages = {name: set(re.findall(r"docs/reference/[a-z-]+\.md", text)) for name, text in openings.items()}

    assert [] == [name for name, text in openings.items() if not rules_in(text) and not pages[name]]
    assert [] == [page for named in pages.values() for page in named if not (ROOT / page).is_file()]


def test_names_of_tests_are_numbers_of_rules() -> None:
    """A number at the beginning of a test's name is a rule or a section; faults and security rows say what they are."""
    wrong = []
    for test in all_tests():
        rule = re.match(r"test_(\d+)_(\d+)(?=_)", test.name)
        chapter = re.match(r"test_(\d+)(?=_)", test.name)
        is_known = f"{rule[1]}.{rule[2]}" in RULES if rule else chapter is None or chapter[1] in SECTIONS
        if not is_known:
            wrong.append(f"{test.place}: {test.name}")

    assert [] == wrong


@pytest.mark.parametrize(
    ("pattern", "known", "in_names"),
    [
        pytest.param(CITED_FAULTS, set(rows(section("Faults"))), r"test_fault_(\d+)_", id="fault"),
        pytest.param(CITED_SECURITY, security_rows(), r"test_security_(\d+)_", id="security"),
        pytest.param(CITED_MEASURED, set(rows(section("Measured"))), r"test_measured_(E\d+)_", id="measured"),
    ],
)
def test_every_row_that_is_cited_exists(pattern: re.Pattern[str], known: set[str], in_names: str) -> None:
    """Rows of the catalogue, of the security list and of what was measured are in the page that holds them."""
    cited = {
        place: {number for found in pattern.findall(text) for number in numbers(found)}
        for place, text in texts("urlrequest", "tests", "docs").items()
    }
    for test in all_tests():
        cited[test.place] |= set(re.findall(in_names, test.name))
    for place, ids in cited.items():
        if place.startswith("tests/faults/") and "fault" in in_names:
            ids |= set(re.findall(r"\"(\d+)-[a-z{]", texts("tests/faults")[place]))

    assert {} == {place: missing for place, found in cited.items() if (missing := found - known)}
    assert any(cited.values())


def test_faults_are_rows_of_one_page() -> None:
    """No number of a fault or a security row stands twice."""
    for title in ("Faults", "Security", "Measured"):
        found = rows(section(title))
        assert sorted(set(found)) == sorted(found)


@pytest.mark.parametrize("page", ["faults", "frameworks", "platforms", "threats"])
def test_tables_name_tests_that_are_there(page: str) -> None:
    """Each test that a row of these pages names exists."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")

    assert [] == sorted(set(re.findall(r"`(test_\w+)[`\[]", text)) - {test.name for test in all_tests()})


def test_every_threat_has_a_test() -> None:
    """Each threat, and each advisory about another client, names the test that fails when it comes true here."""
    threats = (PAGES / "threats.md").read_text(encoding="utf-8")
    lines = [*threats.splitlines(), *section("Security").splitlines()]
    table = [line for line in lines if line.startswith("| ") and not re.match(r"\| (#|threat) \|", line)]

    assert [] == [line for line in table if not re.search(r"\| `test_\w+` \|$", line)]
    assert len(table) > 100


def test_modules_that_differ_between_systems_have_a_row() -> None:
    """Each module that asks which system it runs on, or whether that has something, is on the page of platforms."""
    asks = re.compile(r"sys\.platform|os\.name|hasattr\((?:os|socket|select)\b|getattr\((?:os|socket|select|ssl)\b")
    rows = (PAGES / "platforms.md").read_text(encoding="utf-8")
    asking = [
        place[len("urlrequest/") : -len(".py")] for place, text in texts("urlrequest").items() if asks.search(text)
    ]

    assert [] == [module for module in asking if f"| `{module}` |" not in rows and not module.startswith("testing/")]
