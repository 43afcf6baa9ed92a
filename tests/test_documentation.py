"""What the built pages do: `bash .ci/run docs` builds them, and names their folder in URLREQUEST_TEST_PAGES."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.programs import program

PAGES = os.environ.get("URLREQUEST_TEST_PAGES", "")  # folder of the built pages

# Words that people search, and the page that each is to lead to.
RIGHT_PAGES = {
    "login": "how-to/login",
    "bearer": "how-to/login",
    "token": "how-to/login",
    "oauth": "how-to/login",
    "basic auth": "how-to/login",
    "digest": "how-to/login",
    "cookie": "how-to/cookies",
    "session": "how-to/sessions",
    "json": "how-to/sending",
    "post": "how-to/sending",
    "form": "how-to/sending",
    "upload": "how-to/sending",
    "multipart": "how-to/sending",
    "download": "how-to/files",
    "progress bar": "how-to/progress",
    "resume": "how-to/files",
    "cancel": "how-to/windows",
    "timeout": "how-to/timeouts",
    "retry": "how-to/redirects",
    "redirect": "how-to/redirects",
    "proxy": "how-to/proxies",
    "certificate": "how-to/tls",
    "self-signed": "how-to/tls",
    "sse": "how-to/streams",
    "stream": "how-to/streams",
    "llm": "how-to/llm",
    "await": "how-to/await",
    "thread": "explanation/threads",
    "tkinter": "how-to/toolkits/tk",
    "pyinstaller": "how-to/packaging",
    "android": "how-to/packaging",
}


@pytest.mark.system
@pytest.mark.skipif(not PAGES, reason="URLREQUEST_TEST_PAGES is not set")
def test_search_finds_the_right_page() -> None:
    """Each word leads to its page among the first three results. Node.js runs the search, as browsers do."""
    script = Path(__file__).with_name("search.js")
    command = [program("node", "nodejs"), str(script), PAGES, *RIGHT_PAGES]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    first = {word: list(dict.fromkeys(found[word]))[:3] for word in RIGHT_PAGES}

    assert {} == {word: first[word] for word, page in RIGHT_PAGES.items() if page not in first[word]}
