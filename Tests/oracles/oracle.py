"""Shared by the oracles: running the command, counting, and plain safetensors."""

import json
import os
import struct
import subprocess
import sys
import tempfile

SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec")


class Tally:
    """Counts checks; prints each that fails, and a summary."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, condition, what):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)
        return bool(condition)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


class Command:
    def __init__(self, path, tally):
        self.path, self.tally = os.path.abspath(path), tally

    def status(self, *arguments):
        result = subprocess.run([self.path, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return result.returncode, result.stderr.decode("utf-8", "replace").strip()

    def json(self, *arguments):
        """The JSON on standard output; None if the command fails, which is counted."""
        result = subprocess.run([self.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        message = result.stderr.decode("utf-8", "replace").strip()
        good = self.tally.check(result.returncode == 0, f"qamw {' '.join(arguments)}: status {result.returncode}: {message[-500:]}")
        return json.loads(result.stdout) if good else None

    def run(self, *arguments):
        """Whether the command succeeds; a failure is counted."""
        status, message = self.status(*arguments)
        return self.tally.check(status == 0, f"qamw {' '.join(arguments)}: status {status}: {message[-500:]}")


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)


# Of testdata/inference, which has a model of each architecture: for the file formats these stand for all.
REPRESENTATIVES = ("llama", "mistral", "qwen2", "qwen3")


def models(folder):
    """Folders below `folder` that hold a model.safetensors of plain weights."""
    checkpoints, inference = os.path.join(folder, "checkpoints"), os.path.join(folder, "inference")  # the first: quantized by other tools
    found = sorted(root for root, _, files in os.walk(folder) if "model.safetensors" in files and not root.startswith(checkpoints))
    return [root for root in found if not root.startswith(inference) or os.path.basename(root) in REPRESENTATIVES]



def encode_safetensors(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)"""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def decode_safetensors(data):
    """name -> (dtype, shape, bytes); the file's metadata. For files known to be valid."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    payload = memoryview(data)[8 + length:]
    return {name: (t["dtype"], tuple(t["shape"]), bytes(payload[slice(*t["data_offsets"])])) for name, t in header.items()}, metadata


def main(check, usage):
    """Runs `check(command, testdata, scratch, tally)` with the script's two arguments."""
    if len(sys.argv) != 3:
        print(f"usage: {usage} QAMW_BINARY TESTDATA_DIR", file=sys.stderr)
        return 64
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        check(Command(sys.argv[1], tally), sys.argv[2], scratch, tally)
    return tally.finish()
