"""NOTICE: what the text contains, from where, and under which terms."""

import re
import textwrap

from sources import PACKAGES

HEAD = """\
qamw carries a text to calibrate models on, in Sources/CCalibrationText/data. It is an aggregate of excerpts from the works below, which
scripts/make-calibration-text takes from packages of Debian and PyPI: whole paragraphs, their lines joined where the work is prose, without
HTML and licence comments, mixed in another order. The terms of all of them permit this, and are quoted where they ask for it. No author
endorses qamw.
"""


def quoted(folder, file):
    """A licence's text: of Debian's copyright files the part on the work, of others the part before those on enclosed works."""
    text = (folder / file).read_text(encoding="utf-8")
    if file.endswith("/copyright"):
        text = re.sub(r"(?m)^ \.$|^ ", "", re.sub(r"Files: debian/.*?(\n\n|\Z)", "", text, flags=re.S))
    text = re.split(r"\n-{20,}\n", text)[0]
    return "\n".join("    " + line.rstrip() if line.strip() else "" for line in text.strip().split("\n"))


def entry(package, samples, folder):
    lines = ["", f"{package.name} {package.version} ({package.place})", "", f"  Licence: {package.licence}",
             *textwrap.wrap(package.rights, 140, initial_indent="  ", subsequent_indent="  ")]
    for source, found in samples:
        size = sum(len(piece.encode()) for piece in found)
        lines.append(f"  Taken: {source.kind}, {source.language}: {size} bytes of {' '.join(p for p in source.patterns if p[0] != '!')}")
    for file in package.texts:
        lines += ["", quoted(folder, file)]
    return lines


def text(samples, folders):
    lines = [HEAD]
    for package in PACKAGES:
        own = [(source, found) for source, found in samples if source.package == package.name]
        lines += ["", "-" * 80, *entry(package, own, folders[package.name])]
    return "\n".join(lines) + "\n"
