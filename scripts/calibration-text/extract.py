"""Paragraphs of running text, code and dialogues from the formats of the packages' files. Each function takes a file's text."""

import gzip
import hashlib
import html
import json
import re

import yaml


def read(path):
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.decode("utf-8", errors="strict").replace("\r\n", "\n")


def unwrapped(paragraph):
    return " ".join(line.strip() for line in paragraph.split("\n"))


def is_prose(paragraph):
    """Whether a paragraph is sentences: not a heading, a table, verse or a list of names."""
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    return len(paragraph) > 160 and letters > 0.85 * len(paragraph)


def prose(text):
    """Wrapped prose without headings and tables, one line a paragraph."""
    return [p for p in map(unwrapped, re.split(r"\n\s*\n", text)) if is_prose(p)]


def jargon(text):
    """Entries and chapters of the Jargon File; {links} become their words."""
    return [re.sub(r"[{}]", "", p) for p in prose(text)]


def novel(text):
    """The string of a text provider of Faker: wrapped, with blank lines between paragraphs, or with a paragraph on each line."""
    body = re.search(r"<<<'EOT'\n(.*?)\nEOT;", text, re.S)[1]
    is_wrapped = max(map(len, body.split("\n"))) < 120
    return [p for p in map(unwrapped, re.split(r"\n\s*\n" if is_wrapped else "\n+", body)) if len(p) > 20]


def glosses(text):
    """WordNet's nouns: the words of a set of synonyms, and its definition."""
    found = []
    for line in text.split("\n"):
        fields = line.split(" ")
        if line.startswith(" ") or len(fields) < 6 or len(line.split("| ")[-1]) < 90:
            continue
        words = [fields[4 + 2 * i].replace("_", " ") for i in range(int(fields[3], 16))]
        found.append(f"{', '.join(words)}: {line.split('| ')[-1].strip()}")
    return found


def structured(text):
    """Sources of reStructuredText and Python files with documentation: blocks that begin at the margin."""
    return [block.strip("\n") for block in re.split(r"\n\n+(?=\S)", text) if block.strip()]


def markdown(text):
    """Markdown without HTML tags and without included files."""
    text = re.sub(r"<!--.*?-->|<(div|style|script|p align)\b.*?</\1>", "", text, flags=re.S)
    text = re.sub(r"(?m)^ *```[^\n]*\n *\{!.*?!\}\n *```\n|^ *=== [^\n]*\n|^ *\{\*.*?\*\}\n", "", text, flags=re.S)
    return structured(html.unescape(re.sub(r"</?[a-zA-Z][^>]*>|\{ ?\.[^}]*\}", "", text)))


def code(text):
    """Source code in blocks that begin at the margin, without the notice at its beginning."""
    return [block for block in structured(text) if not re.search(r"(?i)licen[cs]e|copyright|all rights reserved", block)]


def messages(text):
    """Whole sentences of a program's messages, several to a paragraph."""
    found = [m for m in json.loads(text).values() if len(m) > 40 and m[-1] in ".!?。।؟" and not re.search(r"[{}<>]", m)]
    return [" ".join(found[i:i + 4]) for i in range(0, len(found), 4)]


FORMS = (("Q: ", "A: "), ("User: ", "Assistant: "), ("Question: ", "Answer: "))


def dialogue(turns):
    """Turns of two speakers, in one of the usual written forms."""
    speakers = FORMS[hashlib.sha256(turns[0].encode()).digest()[0] % len(FORMS)]
    return "\n".join(speakers[i % 2] + turn.strip() for i, turn in enumerate(turns))


def conversations(text):
    """ChatterBot's lists of turns, without repetitions."""
    lists = [[str(turn) for turn in turns] for turns in yaml.safe_load(text)["conversations"]]
    return list(dict.fromkeys(dialogue(turns) for turns in lists if len(turns) > 1))
