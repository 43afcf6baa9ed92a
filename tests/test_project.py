"""What the README, the metadata and the layout of the project say of themselves."""

from __future__ import annotations

import ast
import builtins
import email
import importlib.metadata
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import urlrequest
from support.command import run

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib", reason="pyproject.toml is read with the standard library's tomllib")

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DISTRIBUTION = "threaded-urlrequest"
DISTRIBUTIONS = os.environ.get("URLREQUEST_TEST_DISTRIBUTIONS", "")  # folder of this checkout's wheel and sdist

# Folders and files of somebody's machine; what a program finds on every machine (/etc, /run, /usr, /tmp) is none.
MACHINE_PATH = re.compile(r"(?<![\w.~$}*])/(?:home|root|Users|work|mnt|srv|opt)/\w")


# An editable installation's metadata are as old as the installation.
needs_wheel = pytest.mark.skipif(
    "site-packages" not in urlrequest.__file__, reason="the package is not installed from a wheel"
)
needs_distributions = pytest.mark.skipif(not DISTRIBUTIONS, reason="URLREQUEST_TEST_DISTRIBUTIONS is not set")


def tracked_files() -> list[Path]:
    """All files that are in the repository or would be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not in a git checkout")
    return [path for line in listing.stdout.splitlines() if (path := ROOT / line).is_file()]


def texts() -> dict[str, str]:
    """The readable files by their names from the project's folder on."""
    found = {}
    for path in tracked_files():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def tracked_names(*folders: str) -> set[str]:
    """The names, from the project's folder on, of the files that are in these folders."""
    names = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    return {name for name in names if name.partition("/")[0] in folders}


def parsed(name: str) -> Any:
    """What a YAML file of the repository says."""
    return yaml.safe_load(texts()[name])


def ci_steps() -> set[str]:
    """The steps that `.ci/run` knows by name, as it says itself."""
    assert ".ci/run" in texts()
    told = subprocess.run(["bash", ".ci/run", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    steps = re.search(r"\[(.*?)\]", told.stderr)
    assert steps is not None, told.stderr
    return set(steps[1].split(" | "))


def readme_commands(shell: str = "console") -> list[str]:
    return [
        line
        for block in re.findall(rf"```{shell}\n(.*?)```", README, flags=re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]


def steps(command: str) -> list[list[str]]:
    return [shlex.split(step) for step in command.split("&&")]


def test_readme_has_two_commands_for_a_fresh_machine() -> None:
    """One command line installs the library and shows what it does, one passes its tests. Only this needs a venv."""
    demo, tests = readme_commands()

    assert [
        "python3 -m pip install --upgrade --target .demo .",
        "PYTHONPATH=.demo python3 -m urlrequest demo",
    ] == [shlex.join(step) for step in steps(demo)]
    assert ["python3", "-m", "venv", ".venv"] == steps(tests)[0]
    assert [".venv/bin/python"] * 2 == [step[0] for step in steps(tests)[1:-1]]
    assert [".venv/bin/pytest", "-n", "4", "--dist", "loadfile"] == steps(tests)[-1]
    assert not re.search(r"[<>{}$\[\]]", tests.replace('"pip>=25.1"', ""))
    assert "apt install python3-venv" in README.partition(tests)[0]


def test_readme_has_the_same_commands_for_powershell() -> None:
    """Windows PowerShell 5.1 has no `&&`, and sets variables on their own; else the names of programs differ."""
    twins = [command.replace("\\", "/") for command in readme_commands("powershell")]
    expected = [
        command.replace("python3", "py").replace("/bin/", "/Scripts/").replace(" && ", "; ")
        for command in readme_commands()
    ]
    expected[0] = expected[0].replace("PYTHONPATH=.demo ", '$env:PYTHONPATH = ".demo"; ') + '; $env:PYTHONPATH = ""'

    assert expected == twins


def test_demo_needs_no_package(tmp_path: Path) -> None:
    """The README's first command works with the standard library alone, in a folder where nothing is installed."""
    shutil.copytree(Path(urlrequest.__file__).parent, tmp_path / "urlrequest", ignore=lambda *_: ["__pycache__"])
    command = [sys.executable, "-S", "-m", "urlrequest", "demo"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=100, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_readme_installs_groups_that_exist() -> None:
    """Every dependency group and extra that the README names is in pyproject.toml."""
    groups = {name for command in readme_commands() for name in re.findall(r"--group (\S+)", command)}
    sentence = re.search(r"Optional extras: (.*?)\.\n", README)
    assert sentence is not None
    extras = set(re.findall(r"`(\w+)`", sentence[1]))

    assert {"tests"} == groups
    assert groups <= PROJECT["dependency-groups"].keys()
    assert PROJECT["project"]["optional-dependencies"].keys() == extras


def test_extras_are_documented_with_their_commands() -> None:
    """The page about installing has the command of every extra, and of no other one."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    told = re.findall(r"`pip install \"([\w-]+)\[(\w+)\]\"`", page)

    assert {(DISTRIBUTION, extra) for extra in PROJECT["project"]["optional-dependencies"]} == set(told)


def test_readme_names_the_pip_that_knows_groups() -> None:
    """`pip install --group` came with pip 25.1; the command that needs it asks for it first."""
    for command in readme_commands():
        asked = [step for step in steps(command) if "--group" in step]
        if asked:
            assert command.index("pip>=25.1") < command.index("--group")


def test_1_1_distribution_and_import_name() -> None:
    """Contract 1.1: the README gives both names in one line, and the metadata agrees."""
    (line,) = [line for line in README.splitlines() if DISTRIBUTION in line and "import package `urlrequest`" in line]

    assert line.startswith("The distribution is called")
    assert DISTRIBUTION == PROJECT["project"]["name"]
    assert "urlrequest" == urlrequest.__name__


def test_1_1_no_text_installs_the_other_package() -> None:
    """Contract 1.1: nothing asks a user to install the unrelated package of the import's name."""
    # Put together here, so that this file does not say it either.
    wrong = re.compile("pip" + r" (?:install|download)[^\n`&;]*(?<![\w-])urlrequest(?![\w/.])")

    assert [] == [name for name, text in texts().items() if wrong.search(text)]


def test_readme_pythons_are_those_of_the_metadata() -> None:
    """The status table, the classifiers and the lowest version say the same."""
    section = README.partition("## Status")[2]
    told = set(re.findall(r"3\.\d+", section))
    classified = {
        found[1] for line in PROJECT["project"]["classifiers"] if (found := re.fullmatch(r".*:: (3\.\d+)", line))
    }

    assert classified == told
    assert ">=" + min(told, key=lambda version: int(version[2:])) == PROJECT["project"]["requires-python"]


def test_readme_links_lead_somewhere() -> None:
    """Files that the README names are there."""
    named = re.findall(r"`((?:docs|tests|\.ci)/[\w./-]*)`", README)

    assert named
    assert [] == [name for name in named if not (ROOT / name).exists()]


def test_readme_python_is_python() -> None:
    """Every Python block of the README compiles, and imports public names only."""
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)

    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "urlrequest":
                assert [] == [alias.name for alias in node.names if alias.name not in urlrequest.__all__]


def unknown_names(code: str) -> set[str]:
    """The names that a program uses, and neither it nor Python gives to anything."""
    used, given = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else given).add(node.id)
        elif isinstance(node, ast.alias):
            given.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            given.add(str(node.name))
    return used - given


def test_pages_import_what_they_use() -> None:
    """The programs of a page need no name that only a hidden block has; those of toolkits are parts of programs."""
    missing = {}
    for name, text in texts().items():
        if re.match(r"(README|docs/(?!development/|how-to/toolkits/).*)\.md$", name):
            blocks = re.findall(r"^```py(?:thon)?\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
            code = "\n".join(block for block in blocks if not block.startswith(">>>"))
            missing[name] = unknown_names(code)

    assert {} == {name: names for name, names in missing.items() if names}


def test_readme_names_every_loop() -> None:
    """The README's loops are those that there are hooks for: Tk, Qt, GTK, wxPython, Kivy, pygame, asyncio and trio."""
    loops = set(urlrequest.hooks.__all__) - {"Hook", "ManualHook", "install", "uninstall"}

    assert 8 == len(loops)
    assert "For Tk, Qt, GTK, wxPython, Kivy, pygame, asyncio and trio," in README
    assert "| yes, for eight kinds of loops |" in README


def row_of(section: str, name: str) -> list[float]:
    """The figures of the first such row in tables of the performance page; those in brackets, if there are some."""
    row, *_ = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", section, flags=re.MULTILINE)
    return [float(re.sub(r".*\(|[*,)]", "", cell)) for cell in row.split(" | ")]


def test_readme_figures_are_measured() -> None:
    """The README's figures are those of the performance page, which the benchmarks write."""
    page = (ROOT / "docs" / "explanation" / "performance.md").read_text(encoding="utf-8")
    sections = {title: rest for title, _, rest in (text.partition("\n") for text in page.split("\n### "))}
    small = sections["Small GETs one after the other, JSON parsed"]
    (frames,) = [text for title, text in sections.items() if title.startswith("Downloads beside a loop of 60 frames")]
    text = " ".join(README.split())
    told = re.search(
        r"kept connections ([\d.]+) times as many in a second as `requests`, ([\d.]+) times as many as httpx, "
        r"(\d+) times as many as Kivy's class, and ([\d.]+) times as many as `http\.client` alone, .*?; "
        r"pycurl makes ([\d.]+) times as many as this\. The events of a 1 GiB download take a window's loop less than "
        r"two milliseconds of each frame \(99 of 100\)\.",
        text,
    )

    assert told is not None
    *others, pycurl = told.groups()
    for said, name in zip(others, ["requests", "httpx", "Kivy UrlRequest", "http.client"], strict=True):
        assert float(said) == pytest.approx(row_of(small, name)[0], rel=0.05)
    assert float(pycurl) == pytest.approx(1 / row_of(small, "pycurl")[0], rel=0.05)
    *short_callbacks, _, _ = row_of(frames.partition("**p99**")[2], "urlrequest")
    assert max(short_callbacks) < 2


def test_one_runtime_dependency() -> None:
    """The package needs certifi and nothing else, with a floor."""
    (dependency,) = PROJECT["project"]["dependencies"]

    assert re.fullmatch(r"certifi>=[\d.]+", dependency)


@needs_wheel
def test_version_has_one_source() -> None:
    """The metadata of what is installed repeats the package's own version."""
    assert ["version"] == PROJECT["project"]["dynamic"]
    assert urlrequest.__version__ == importlib.metadata.version(DISTRIBUTION)


def test_console_script_runs_the_command() -> None:
    """The script `urlrequest` calls what `python -m urlrequest` calls."""
    module, _, name = PROJECT["project"]["scripts"]["urlrequest"].partition(":")
    script = f"import sys; from {module} import {name}; sys.exit({name}())"

    assert (
        f"urlrequest {urlrequest.__version__}\n"
        == run("--version", command=[sys.executable, "-c", script]).stdout.decode()
    )


def test_changelog_has_the_version() -> None:
    """The version that is in the package has its section in the changelog."""
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")

    assert re.search(rf"^## {re.escape(urlrequest.__version__)}\b", changelog, flags=re.MULTILINE)


def test_changelog_is_in_form() -> None:
    """Sections have a version and a date, groups the names of Keep a Changelog; only the topmost may be unreleased."""
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^## (.*)", changelog, flags=re.MULTILINE)
    groups = set(re.findall(r"^### (.*)", changelog, flags=re.MULTILINE))

    assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ - (unreleased|\d{4}-\d\d-\d\d)", first)
    assert [] == [section for section in others if not re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", section)]
    assert groups <= {"Added", "Changed", "Deprecated", "Different from Kivy", "Removed", "Fixed", "Security"}


@needs_wheel
def test_installed_plugin() -> None:
    """The distribution has an entry point, by which pytest finds the fixture `urlrequest_mock`."""
    (entry,) = [each for each in importlib.metadata.entry_points(group="pytest11") if each.name == "urlrequest"]

    assert "urlrequest_mock" in vars(entry.load())


@needs_wheel
def test_installed_metadata() -> None:
    """What a package index shows: the README, the licence, the lowest Python."""
    metadata = email.message_from_string(importlib.metadata.distribution(DISTRIBUTION).read_text("METADATA") or "")

    assert "MIT" == metadata["License-Expression"]
    assert PROJECT["project"]["requires-python"] == metadata["Requires-Python"]
    assert README.strip() == str(metadata.get_payload()).strip()


def test_sdist_is_asked_for_what_a_packager_needs() -> None:
    """The sdist takes folders and files by name, so that what else is in the repository stays out of it."""
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    assert {"/urlrequest", "/tests", "/docs", "/README.md", "/LICENSE", "/pyproject.toml"} == set(included)


@needs_distributions
def test_sdist_holds_package_tests_and_documentation() -> None:
    """The sdist holds every file of the package, its tests and its documentation, and none of other folders."""
    (path,) = Path(DISTRIBUTIONS).glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    kept = {"LICENSE", "README.md", "pyproject.toml"}

    assert tracked_names("urlrequest", "tests", "docs") | kept | {"PKG-INFO", ".gitignore"} == packed


@needs_distributions
def test_wheel_holds_the_package() -> None:
    """The wheel holds the files of the package, all of them and no others, and the licence."""
    (path,) = Path(DISTRIBUTIONS).glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        packed = set(wheel.namelist())
    described = {name for name in packed if name.partition("/")[0].endswith(".dist-info")}

    assert tracked_names("urlrequest") == packed - described
    assert "urlrequest/py.typed" in packed
    assert [name for name in described if name.endswith("/licenses/LICENSE")]


def test_package_is_marked_as_typed() -> None:
    """Type checkers read the annotations of the installed package (PEP 561)."""
    assert (Path(urlrequest.__file__).parent / "py.typed").is_file()


def test_top_level_is_tidy() -> None:
    """At the top are the package, tests, documentation, three files, and what begins with a dot.

    There may be scripts that show findings about other software.
    """
    entries = {path.relative_to(ROOT).parts[0] for path in tracked_files()}

    assert {"urlrequest", "tests", "docs", "pyproject.toml", "README.md", "LICENSE"} == {
        entry for entry in entries - {"findings"} if not entry.startswith(".")
    }


def test_ci_runs_no_script_of_the_findings() -> None:
    """The scripts in `findings` are about other software: neither `.ci/run` nor a workflow runs them."""
    scripts = {name: text for name, text in texts().items() if name.startswith((".ci/", ".github/workflows/"))}

    assert {".ci/run", ".github/workflows/ci.yml"} <= scripts.keys()
    assert [] == [name for name, text in scripts.items() if "findings" in text]


def test_named_steps_exist() -> None:
    """Each step of `.ci/run` that a text asks the reader to run is one that it knows."""
    known = ci_steps()
    named = {
        (name, step)
        for name, text in texts().items()
        if name.endswith((".md", ".yml"))
        for line in re.findall(r"bash \.ci/run((?: [a-z]+)+)(?:`| *#| *$)", text, flags=re.MULTILINE)
        for step in line.split()
    }

    assert {"lint", "types", "unit", "docs"} <= known
    assert [] == sorted((name, step) for name, step in named if step not in known)


def test_steps_install_groups_that_exist() -> None:
    """Every dependency group that `.ci/run` installs is in pyproject.toml."""
    script = texts()[".ci/run"]
    groups = {*re.findall(r"--group ([\w-]+)", script), *re.findall(r"by_itself \w+ (\w+)", script)}

    assert {"lint", "typing", "tests", "docs"} <= groups
    assert groups <= PROJECT["dependency-groups"].keys()


def test_workflow_calls_the_one_door() -> None:
    """The workflow runs `.ci/run`, as a contributor does. It may read the repository, and its jobs end in time."""
    workflow = parsed(".github/workflows/ci.yml")
    commands = [step.get("run", "") for step in workflow["jobs"]["everything"]["steps"]]

    assert "bash .ci/run" in commands
    assert {"contents": "read"} == workflow["permissions"]
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"]


def test_workflow_tests_every_python() -> None:
    """The matrix has each Python of the metadata, and the README's test command with the quick tests."""
    job = parsed(".github/workflows/ci.yml")["jobs"]["tests"]
    classified = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if " 3." in line}
    (command,) = [step["run"] for step in job["steps"] if step.get("run", "").startswith("pytest")]

    assert classified <= set(job["strategy"]["matrix"]["python"])
    assert command.startswith(f"{readme_commands()[1].rpartition('.venv/bin/')[2]} ")
    assert [] == [word for word in command.split() if word.startswith("tests/") and not (ROOT / word).is_dir()]


def test_workflows_pin_their_actions() -> None:
    """Every action has a version, and all are GitHub's own."""
    used = [
        found
        for name, text in texts().items()
        if name.startswith(".github/workflows/")
        for found in re.findall(r"uses: (.*)", text)
    ]

    assert used
    assert [] == [action for action in used if not re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", action)]


def test_hooks_run_the_pinned_tools() -> None:
    """A commit is checked with the versions of ruff and codespell that `.ci/run` uses."""
    hooks = {
        hook["id"]: hook for repository in parsed(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]
    }
    pins = {
        pin for name in ("ruff-check", "ruff-format", "codespell") for pin in hooks[name]["additional_dependencies"]
    }

    assert set(PROJECT["dependency-groups"]["lint"]) == pins


def test_issue_forms_are_forms() -> None:
    """The issue forms are well-formed, and that for bugs asks for all that is needed to look into one."""
    bug, feature = (parsed(f".github/ISSUE_TEMPLATE/{name}.yml") for name in ("bug", "feature"))
    asked = {field.get("id") for field in bug["body"]}

    for form in (bug, feature):
        assert {"name", "description", "labels", "body"} == form.keys()
        for field in form["body"]:
            assert field["type"] == "markdown" or field["attributes"]["label"]
    assert {"version", "python", "system", "toolkit", "program", "log"} <= asked


def test_no_text_holds_a_machine_path() -> None:
    """Nothing in the repository knows the machine that it was written on."""
    found = {name: hits for name, text in texts().items() if (hits := MACHINE_PATH.findall(text))}

    assert {} == found


def test_1_2_public_names_are_documented() -> None:
    """Contract 1.2: every public name, and those of the public modules, stands in the reference."""
    reference = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    modules = (urlrequest, urlrequest.errors, urlrequest.hooks, urlrequest.streams, urlrequest.testing)
    names = {name for module in modules for name in module.__all__} - {"__version__"}

    assert [] == [name for name in sorted(names) if not re.search(rf"\b{name}\b", reference)]


def test_readme_names_every_module() -> None:
    """The README's list of modules is complete for the wings that a request goes through, and names no other."""
    section = README.partition("## Where things are")[2].partition("The tests of")[0]
    wings = ("_client", "_engine", "_http", "_http1", "_content", "_net", "_delivery", "_concurrency")
    for wing in wings:
        (row,) = re.findall(rf"^\| `{wing}`: (.*)", section, flags=re.MULTILINE)
        named = set(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", row.replace("()", ""))))

        assert {path.stem for path in (ROOT / "urlrequest" / wing).glob("*.py")} - {"__init__"} == named


@pytest.mark.parametrize(
    ("constructor", "name"), [(urlrequest.UrlRequest, "request"), (urlrequest.Session, "sessions")]
)
def test_2_1_parameters_are_documented(constructor: type, name: str) -> None:
    """Contract 2.1, 17.9: the reference shows the signature, and describes every parameter and its default once."""
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    section = page.partition("## Parameters")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\|", section, flags=re.MULTILINE))
    parameters = inspect.signature(constructor).parameters
    found = re.search(rf"^{constructor.__name__}\((.*?)^\)$", page, flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    definition = ast.parse(f"def f({found[1]}): ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    shown = definition.args
    by_position = [each for each in parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
    by_name = [each for each in parameters.values() if each.kind is each.KEYWORD_ONLY]

    assert len(parameters) == len(re.findall(r"^\| `\w+` \|", section, flags=re.MULTILINE))
    assert {
        each.name: "" if each.default is each.empty else f"`{each.default!r}`" for each in parameters.values()
    } == told
    assert [each.name for each in by_position] == [each.arg for each in shown.args]
    assert [each.name for each in by_name] == [each.arg for each in shown.kwonlyargs]
    defaults = [*shown.defaults, *filter(None, shown.kw_defaults)]
    required = len(parameters) - len(defaults)
    assert [each.default for each in (*by_position, *by_name)[required:]] == [
        ast.literal_eval(each) for each in defaults
    ]


def test_command_line_is_documented() -> None:
    """Every option that `python -m urlrequest --help` lists is in the reference."""
    told = run("--help").stdout.decode()
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    options = set(re.findall(r"(?<!\w)--[a-z][a-z-]+", told)) - {"--help"}

    assert [] == sorted(option for option in options if f"`{option}" not in page)


def test_16_2_errors_are_documented() -> None:
    """Contract 16.2: every exception of the library stands in the reference."""
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")

    assert [] == [name for name in urlrequest.errors.__all__ if name not in page]


def test_yaml_is_yaml() -> None:
    """Every YAML file of the repository can be read."""
    names = [name for name in texts() if name.endswith((".yml", ".yaml"))]

    assert names
    assert [] == [name for name in names if not isinstance(parsed(name), dict)]


def test_every_test_has_a_promise() -> None:
    """The docstring of a test says what it promises."""
    silent = [
        f"{name}: {node.name}"
        for name, text in texts().items()
        if name.startswith("tests/") and name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert [] == silent


def asserts_a_longest_duration(test: ast.FunctionDef) -> bool:
    """Whether an assertion limits something that was computed from a clock."""
    clocks = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}
    timed: set[str] = set()

    def is_timed(node: ast.AST) -> bool:
        return any(
            (isinstance(part, ast.Name) and part.id in timed)
            or (isinstance(part, ast.Call) and ast.unparse(part.func).rpartition(".")[2] in clocks)
            for part in ast.walk(node)
        )

    for node in ast.walk(test):
        if isinstance(node, ast.Assign) and is_timed(node.value):
            timed |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return any(
        isinstance(node.ops[-1], ast.Lt | ast.LtE) and is_timed([node.left, *node.comparators][-2])
        for node in ast.walk(test)
        if isinstance(node, ast.Compare)
    )


def test_longest_durations_have_the_marker() -> None:
    """A test that asserts a longest duration has the marker `clock`: a busy machine must not fail the others."""
    unmarked = [
        f"{name}: {node.name}"
        for name, text in texts().items()
        if name.startswith("tests/") and name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and asserts_a_longest_duration(node)
        if "pytest.mark.clock" not in map(ast.unparse, node.decorator_list)
    ]

    assert [] == unmarked


@pytest.mark.network
def test_readme_commands_work_in_a_fresh_clone(tmp_path: Path) -> None:
    """Both commands of the README, as they stand, succeed in a fresh clone; of the tests the quick ones are run."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), str(clone)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment["PYTEST_ADDOPTS"] = "-q tests/test_layers.py tests/test_project.py docs"

    for command in readme_commands():
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stdout
