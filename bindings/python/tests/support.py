"""Files for the tests: the corner cases of the specification's reference implementation, and its decoder."""

import os
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [os.path.join(ROOT, "bindings", "python"), os.path.join(ROOT, "spec", "reference")]
sys.dont_write_bytecode = True

import make_example
import make_shards
import qamw_reference

import qamw

CONTENTS = {"example": make_example.example(), **dict(make_example.cases())}


class FileTest(unittest.TestCase):
    """A test case with a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content=None):
        """The path of a new file: a case of `CONTENTS`, or some bytes."""
        path = os.path.join(self.folder, name + ".qamw")
        with open(path, "wb") as file:
            file.write(CONTENTS[name] if content is None else content)
        return path

    def open(self, name, **options):
        file = qamw.open(self.write(name), **options)
        self.addCleanup(file.close)
        return file


def write_set(folder, files):
    """The path of the first file of a set; files that are None are not written."""
    paths = [os.path.join(folder, make_shards.name_of("set", number + 1)) for number in range(len(files))]
    for path, content in zip(paths, files):
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
    return paths[0]


def decoded(name, tensor="w"):
    """The reference decoder's result for a tensor: float32 if it is coded, bytes if it is raw."""
    return qamw_reference.decode_tensor(qamw_reference.open_qamw(CONTENTS[name]), tensor)


def damaged_example():
    """The example with a changed byte in the symbols of "proj"."""
    content = bytearray(CONTENTS["example"])
    content[qamw_reference.open_qamw(CONTENTS["example"]).sections["symbols"].offset + 5] ^= 1
    return content
