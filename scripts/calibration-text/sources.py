"""What is taken: the packages, and how much of which files, by kind of text."""

from collections.abc import Callable
from dataclasses import dataclass

import extract
from packages import Package

PACKAGES = [
    Package("php-faker", "1.20.0+dfsg-1", "deb", "public domain",
            "25dc2058d5d33aae702c9a59aa0b13046d46536022c7774fa3042fd601dd7b6f",
            "Literature whose copyright has expired: Lewis Carroll, Johann Wolfgang von Goethe, Gustave Flaubert, Benito Pérez Galdós, "
            "Joaquim Maria Machado de Assis, Bruno Schulz, Karel Čapek, Jenő Rejtő, Lu Xun"),
    Package("Brotli", "1.1.0", "sdist", "public domain",
            "81de08ac11bcb85841e440c13611c00b67d3bf82698314928d0b676362546724",
            "Proceedings of the Workshop on Electronic Texts, edited by James Daly, Library of Congress, 1992: a work of the government of "
            "the United States"),
    Package("jargon-text", "4.4.7-4.1", "deb", "public domain",
            "17d05997e30eb3d5d6713929b8e2f81b63a5f50073858ad2a06701c71f54dcdb",
            "The on-line hacker Jargon File, version 4.4.7, 29 Dec 2003"),
    Package("wordnet-base", "1:3.0-37", "deb", "WordNet",
            "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
            "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.",
            ("usr/share/doc/wordnet-base/copyright",)),
    Package("Django", "5.1.4", "sdist", "BSD-3-Clause",
            "de450c09e91879fa5a307f696e57c851955c910a438a35e6b4c895e86bedc82a",
            "Copyright (c) Django Software Foundation and individual contributors.", ("LICENSE",)),
    Package("fastapi", "0.110.0", "sdist", "MIT",
            "266775f0dcc95af9d3ef39bad55cff525329a931d5fd51930aadd4f428bf7ff3",
            "Copyright (c) 2018 Sebastián Ramírez", ("LICENSE",)),
    Package("sympy", "1.13.3", "sdist", "BSD-3-Clause",
            "b27fd2c6530e0ab39e275fc9b683895367e51d5da91baa8d3d64db2565fec4d9",
            "Copyright (c) 2006-2023 SymPy Development Team", ("LICENSE",)),
    Package("mpmath", "1.3.0", "sdist", "BSD-3-Clause",
            "7a28eb2a9774d00c7bc92411c19a89209d5da7c4c9a9e227be8330a23a25b91f",
            "Copyright (c) 2005-2021 Fredrik Johansson and mpmath contributors", ("LICENSE",)),
    Package("kolibri", "0.19.5", "wheel", "MIT",
            "dc4c187d29a80037594c2dadd1cbc862cb4b8b76166bfd4084314f8ab2bc6221",
            "Copyright (c) 2016 Learning Equality. The terms are those of fastapi, above."),
    Package("chatterbot-corpus", "1.3.3", "wheel", "BSD-3-Clause",
            "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
            "Copyright Gunther Cox and contributors. The terms are those of mpmath, above, with their names."),
    Package("zstandard", "0.23.0", "sdist", "BSD-3-Clause",
            "b2d8c62d08e7255f68f7a740bae85b3c9b8e5466baa9cbf7f57f1cde0ac6bc09",
            "Copyright (c) 2016, Gregory Szorc; Copyright (c) Meta Platforms, Inc. and affiliates",
            ("LICENSE", "zstd/LICENSE")),
    Package("JPype1", "1.5.0", "sdist", "Apache-2.0",
            "425a6e1966afdd5848b60c2688bcaeb7e40ba504a686f1114589668e0631e878",
            "Copyright (c) 2004-2008 Steve Menard; Copyright (c) 2020 Lawrence Livermore National Security, LLC.", ("NOTICE",)),
    Package("golang-golang-x-exp-dev", "0.0~git20221028.83b7d23-2", "deb", "BSD-3-Clause",
            "237439c0dbbb766109f1713f22c7b0dda268de388c4bdf66ac8019600b917cf3",
            "Copyright (c) 2009 The Go Authors",
            ("usr/share/doc/golang-golang-x-exp-dev/copyright",)),
]


@dataclass(frozen=True)
class Source:
    kind: str
    #: The language of the text or code.
    language: str
    package: str
    patterns: tuple[str, ...]
    paragraphs: Callable
    kilobytes: int


def source(kind, language, package, patterns, paragraphs, kilobytes):
    return Source(kind, language, package, tuple(patterns.split()), paragraphs, kilobytes)


FAKER = "usr/share/php/Faker/Provider/{}/Text.php"
DOCS = "docs/{0}/docs/**/*.md !docs/{0}/docs/index.md " + " ".join(
    f"!docs/{{0}}/docs/{name}.md" for name in ("release-notes", "fastapi-people", "external-links", "newsletter"))
MESSAGES = "kolibri/locale/{}/LC_MESSAGES/*.json"
TALK = "chatterbot_corpus/data/{0}/co*versations.yml chatterbot_corpus/data/{0}/trivia.yml"


def languages():
    for language, provider, kilobytes in (("German", "de_DE", 5), ("French", "fr_FR", 5), ("Spanish", "es_ES", 5), ("Chinese", "zh_TW", 4),
                                          ("Portuguese", "pt_BR", 4), ("Polish", "pl_PL", 4), ("Czech", "cs_CZ", 2), ("Hungarian", "hu_HU", 2)):
        yield source("languages", language, "php-faker", FAKER.format(provider), extract.novel, kilobytes)
    for language, code, kilobytes in (("German", "de", 5), ("French", "fr", 5), ("Spanish", "es", 5), ("Chinese", "zh", 4), ("Japanese", "ja", 8),
                                      ("Portuguese", "pt", 4), ("Russian", "ru", 8), ("Korean", "ko", 4), ("Turkish", "tr", 6),
                                      ("Polish", "pl", 3), ("Ukrainian", "uk", 3), ("Vietnamese", "vi", 3)):
        yield source("languages", language, "fastapi", DOCS.format(code), extract.markdown, kilobytes)
    for language, code, kilobytes in (("Italian", "it", 8), ("Arabic", "ar", 6), ("Hindi", "hi_IN", 6), ("Greek", "el", 6), ("Korean", "ko", 3),
                                      ("Indonesian", "id", 2)):
        yield source("languages", language, "kolibri", MESSAGES.format(code), extract.messages, kilobytes)


SOURCES = [
    source("prose", "English", "Brotli", "tests/testdata/lcet10.txt", extract.prose, 112),
    source("prose", "English", "jargon-text", "usr/share/doc/jargon-text/jargon.txt.gz", extract.jargon, 80),
    source("prose", "English", "php-faker", FAKER.format("en_US"), extract.novel, 40),
    source("prose", "English", "wordnet-base", "usr/share/wordnet/data.noun", extract.glosses, 40),
    source("technical", "English", "Django", "docs/topics/**/*.txt docs/intro/*.txt docs/howto/*.txt", extract.structured, 100),
    source("technical", "English", "fastapi", DOCS.format("en"), extract.markdown, 56),
    source("technical", "English", "sympy", "doc/src/explanation/*.md doc/src/guides/**/*.md doc/src/contributing/**/*.md", extract.markdown, 64),
    *languages(),
    source("code", "Python", "Django", "django/**/*.py", extract.code, 28),
    source("code", "Python", "sympy", "sympy/ntheory/*.py sympy/combinatorics/*.py sympy/physics/*.py", extract.code, 12),
    source("code", "JavaScript", "Django", "django/contrib/admin/static/admin/js/*.js", extract.code, 12),
    source("code", "HTML and CSS", "Django", "django/contrib/admin/templates/**/*.html django/contrib/admin/static/admin/css/*.css", extract.code, 8),
    source("code", "C", "zstandard", "zstd/zstd.c c-ext/*.c", extract.code, 18),
    source("code", "C++", "JPype1", "native/common/*.cpp", extract.code, 12),
    source("code", "Java", "JPype1", "native/java/org/jpype/**/*.java", extract.code, 10),
    source("code", "Rust", "zstandard", "rust-ext/src/*.rs", extract.code, 10),
    source("code", "Go", "golang-golang-x-exp-dev", "usr/share/gocode/src/golang.org/x/exp/**/*.go", extract.code, 10),
    source("mathematics", "English", "sympy", "doc/src/**/*.rst", extract.structured, 26),
    source("mathematics", "English", "mpmath", "mpmath/function_docs.py", extract.structured, 26),
    source("dialogues", "English", "Django", "docs/faq/*.txt", extract.structured, 12),
    source("dialogues", "English", "chatterbot-corpus", "chatterbot_corpus/data/english/coding.yml", extract.conversations, 16),
    source("dialogues", "English", "chatterbot-corpus", TALK.format("english") + " chatterbot_corpus/data/english/tech_support.yml",
           extract.conversations, 12),
    *(source("dialogues", language.capitalize(), "chatterbot-corpus", TALK.format(language), extract.conversations, 2)
      for language in ("chinese", "french", "german", "hindi", "italian", "japanese", "korean", "portuguese", "russian", "spanish", "turkish")),
]
