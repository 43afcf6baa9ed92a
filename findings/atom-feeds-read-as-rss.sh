#!/usr/bin/env bash
# An Atom feed with `xml:base`, of a podcast or a catalog of books: four readers give wrong or no addresses of its files, or refuse it.
#
# Versions: podcastparser 0.6.11 (that of gPodder), fastfeedparser 0.6.5, atoma 0.0.17, and of npm, on Node 20, rss-parser 3.13.0; right, for
#           comparison: feedparser 6.0.14; CPython 3.11.
# Expected: http://cdn.example/shows/one.mp3 for `<link rel="enclosure" href="one.mp3"/>` below xml:base="http://cdn.example/shows/":
#           "any element defined by this specification MAY have an xml:base attribute", and relative references count from there (RFC 4287,
#           2). The same if the elements have a prefix, which means nothing (1.2), or if content is `src="one.html" type="text/html"`
#           (4.1.3).
# Seen:     podcastparser   resolves against the address of the feed: files that are not there.
#           fastfeedparser  has no enclosures of Atom feeds, and relative links as they stand.
#           rss-parser      the same; with a prefix "Feed not recognized as RSS 1 or 2."
#           atoma           relative links as they stand; and ValueError for the whole feed if an entry's content has a media type.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund rss-parser@3.13.0
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check podcastparser==0.6.11 fastfeedparser==0.6.5 atoma==0.0.17 feedparser==6.0.14

cat >plain.xml <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://cdn.example/shows/">
  <id>tag:cdn.example,2026:shows</id><title>Shows</title><updated>2026-11-01T10:00:00Z</updated>
  <author><name>A host</name></author>
  <entry>
    <id>tag:cdn.example,2026:one</id><title>One</title><updated>2026-11-01T10:00:00Z</updated>
    <link href="one.html"/>
    <link rel="enclosure" href="one.mp3" type="audio/mpeg" length="1000"/>
    <summary>The first show</summary>
  </entry>
</feed>
XML
sed -E 's,<(/?)([a-z]+),<\1atom:\2,g; s/xmlns=/xmlns:atom=/' plain.xml >prefix.xml
sed 's,<summary>,<content src="one.html" type="text/html"/><summary>,' plain.xml >content.xml
cat >read.cjs <<'JS'
const Parser = require("rss-parser");
new Parser().parseString(require("fs").readFileSync(process.argv[2], "utf8")).then(
  (feed) => console.log(JSON.stringify([feed.items[0].link, feed.items[0].enclosure?.url ?? null])),
  (error) => console.log(JSON.stringify(error.message)));
JS

cat >check.py <<'PY'
import io, json, pathlib, subprocess, sys

import atoma, fastfeedparser, feedparser, podcastparser


def with_feedparser(file):
    entry = feedparser.parse(file.read_bytes()).entries[0]
    return [entry.link, entry.enclosures[0].href]


def with_podcastparser(file):
    episode = podcastparser.parse("http://feeds.example/all/" + file.name, io.BytesIO(file.read_bytes()))["episodes"][0]
    return [episode["link"], episode["enclosures"][0]["url"]]


def with_fastfeedparser(file):
    entry = fastfeedparser.parse(file.read_bytes()).entries[0]
    return [entry.link, entry.get("enclosures")]


def with_atoma(file):
    try:
        return [link.href for link in atoma.parse_atom_bytes(file.read_bytes()).entries[0].links]
    except ValueError as error:
        return str(error)


def with_rss_parser(file):
    return json.loads(subprocess.run(["node", "read.cjs", file], check=True, stdout=subprocess.PIPE).stdout)


readers = {"feedparser": with_feedparser, "podcastparser": with_podcastparser, "fastfeedparser": with_fastfeedparser,
           "atoma": with_atoma, "rss-parser": with_rss_parser}
seen = {}
for reader, read in readers.items():
    for kind in ("plain", "prefix", "content"):
        seen[reader, kind] = read(pathlib.Path(kind + ".xml"))
        print(f"{reader:14} {kind:8} {seen[reader, kind]}", flush=True)
addresses = {
    "feedparser": ["http://cdn.example/shows/one.html", "http://cdn.example/shows/one.mp3"],
    "podcastparser": ["http://feeds.example/all/one.html", "http://feeds.example/all/one.mp3"],
    "fastfeedparser": ["one.html", None],
    "atoma": ["one.html", "one.mp3"],
    "rss-parser": ["one.html", None],
}
expected = {(reader, kind): addresses[reader] for reader, kind in seen}
expected["atoma", "content"] = "'text/html' is not a valid AtomTextType"
expected["rss-parser", "prefix"] = "Feed not recognized as RSS 1 or 2."
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
