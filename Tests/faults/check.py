"""Fails every system call of the writing commands, one at a time, and checks the result: the output is complete, or the old one
is still there; inputs are unchanged, nothing else remains, and the status is that of the error.

Usage: check.py QAMW TESTDATA [STRIDE]    STRIDE: fail only every STRIDE-th of frequent calls (default 1: all)
"""
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile

qamw, testdata = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
stride = int(sys.argv[3]) if len(sys.argv) > 3 else 1
CALLS = ["open", "openat", "pread", "pwrite", "fsync", "ftruncate", "flock", "fchmod", "fstat", "readdir", "stat", "lstat", "rename", "link",
         "unlink", "mkdir", "opendir", "realpath"]
OFTEN = {"pread", "stat", "fstat"}
work = tempfile.mkdtemp()
shim = f"{work}/shim.so"
subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-o", shim, os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c"), "-ldl"], check=True)


def run(words, folder, **shim_variables):
    environment = dict(os.environ, SWIFT_BACKTRACE="enable=no", LD_PRELOAD=shim if shim_variables else "")
    environment.update({f"SHIM_{key}": str(value) for key, value in shim_variables.items()})
    return subprocess.run([qamw, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def good(words, folder):
    done = run(words, folder)
    assert done.returncode == 0, (words, done.stderr)


def contents(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = open(path, "rb").read()
    return found


# The inputs of the commands: a small model in every format.
base = f"{work}/base"
os.makedirs(base)
shutil.copytree(f"{testdata}/wikilm-tiny", f"{base}/model")
good(["quantize", "--plain", "model", "m.qamw", "--bits", "3", "--quiet"], base)
good(["convert", "model", "m.gguf", "--quiet"], base)
shutil.copy(f"{base}/model/model.safetensors", f"{base}/m.safetensors")
# Incompressible, so that it does not fit into the space for editing in place.
LONG = "string:" + "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=20000))


def setting_up(*commands):
    def set_up(folder):
        for words in commands:
            good(words, folder)
    return set_up


def interrupted(words):
    """Leaves the state that --resume continues from: a late write fails."""
    writes = []

    def set_up(folder):
        if not writes:
            count, trial = f"{work}/writes", tempfile.mkdtemp(dir=work)
            shutil.copytree(base, trial, dirs_exist_ok=True)
            assert run(words, trial, CALL="pwrite", COUNT=count).returncode == 0
            writes.append(len(open(count).readlines()))
            os.remove(count)
            shutil.rmtree(trial)
        stopped = run(words + ["--resume"], folder, CALL="pwrite", N=writes[0] - 3, ERRNO=errno.EIO)
        assert stopped.returncode == 74 and any(name.endswith(".partial.journal") for name in contents(folder)), stopped
    # A run also recognises its files by their inodes, which a copy does not have.
    set_up.in_place = True
    return set_up


def damaging(folder):
    """A damaged file beside its copy: a byte in the header, in the metadata and in the payload."""
    data = bytearray(open(f"{folder}/m.qamw", "rb").read())
    for at in (20, len(data) // 2, len(data) - 1):
        data[at] ^= 1
    with open(f"{folder}/d.qamw", "wb") as file:
        file.write(data)


def with_key(folder):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{folder}/key.pem"], check=True)


SHARDS = ["--to", "safetensors", "--max-shard-size", "400KB"]
# Name, set-up, command, output.
SCENARIOS = [
    ("quantize", None, ["quantize", "--plain", "model", "out.qamw", "--bits", "3"], "out.qamw"),
    ("quantize --force", setting_up(["quantize", "--plain", "model", "out.qamw", "--bits", "4"]), ["quantize", "--plain", "model", "out.qamw", "--bits", "3", "--force"], "out.qamw"),
    ("quantize --resume", interrupted(["quantize", "--plain", "model", "out.qamw", "--bits", "3"]), ["quantize", "--plain", "model", "out.qamw", "--bits", "3", "--resume"],
     "out.qamw"),
    ("convert to a file", None, ["convert", "m.qamw", "out.safetensors"], "out.safetensors"),
    ("convert to a file, --force", setting_up(["convert", "m.safetensors", "out.gguf"]), ["convert", "m.qamw", "out.gguf", "--names", "keep", "--force"],
     "out.gguf"),
    ("convert to a folder", None, ["convert", "m.qamw", "out/"], "out"),
    ("convert to a folder, --force", setting_up(["convert", "model", "out/", "--to", "safetensors"]), ["convert", "m.qamw", "out/", "--force"], "out"),
    ("convert to shards, --force", setting_up(["convert", "model", "out/", *SHARDS]), ["convert", "m.qamw", "out/", "--dtype", "bf16", *SHARDS, "--force"],
     "out"),
    ("convert to a set", None, ["convert", "m.qamw", "out/", "--to", "qamw", "--max-shard-size", "150KB"], "out"),
    ("convert to a set, --force", setting_up(["convert", "model", "out/", "--to", "qamw", "--max-shard-size", "400KB"]),
     ["convert", "model", "out/", "--to", "qamw", "--dtype", "f16", "--max-shard-size", "400KB", "--force"], "out"),
    ("convert --resume", interrupted(["convert", "m.qamw", "out.safetensors"]), ["convert", "m.qamw", "out.safetensors", "--resume"], "out.safetensors"),
    ("repair", damaging, ["repair", "d.qamw", "--from", "m.qamw"], "d.qamw"),
    ("repair to a file", damaging, ["repair", "d.qamw", "--from", "m.qamw", "-o", "out.qamw"], "out.qamw"),
    ("sign", with_key, ["sign", "m.qamw", "--key", "key.pem", "-o", "out.sig"], "out.sig"),
    *[(f"metadata {kind}, {how}", setting_up(["metadata", f"m.{kind}", "--set", "k=string:a"]), ["metadata", f"m.{kind}", "--set", f"k={value}"], f"m.{kind}")
      for kind in ["qamw", "gguf", "safetensors"] for how, value in [("in place", "string:b"), ("rewriting", LONG)]],
]


def meaning(data):
    """The bytes of a .qamw file without the unused part of the space for editing in place (spec section 5.5); other files whole."""
    if data[:4] != b"\x89QAM":
        return data
    count, table = int.from_bytes(data[24:28], "little"), int.from_bytes(data[40:48], "little")
    entries = [data[at:at + 64] for at in range(table, table + 64 * count, 64)]
    places = {e[:16].rstrip(b"\0"): (int.from_bytes(e[24:32], "little"), int.from_bytes(e[32:40], "little")) for e in entries}
    begin, length = places[b"metadata"]
    room = min(offset for name, (offset, _) in places.items() if name not in (b"metadata", b"spare"))
    used = data[:64] + data[table:table + 64 * count] + data[begin:begin + length]
    return used + data[room:]


def of(files, output):
    """The files of an output, and the others."""
    mine = {name: data for name, data in files.items() if name == output or name.startswith(output + "/")}
    return mine, {name: data for name, data in files.items() if name not in mine}


def check(name, call, number, code, done, before, after, new, output, resumes):
    def complain(what):
        print(f"{name}: {call} {number} ({errno.errorcode[code]}): {what}; status {done.returncode}: {done.stderr.strip()}", flush=True)
        return 1

    if done.returncode not in (0, 66, 73, 74):
        return complain("status")
    if done.returncode and not done.stderr.startswith("qamw: "):
        return complain("no message")
    (old_output, old_rest), (now_output, now_rest) = of(before, output), of(after, output)
    def is_temporary(path):
        return ".partial" in path or ".replaced" in path
    whole = {path: data for path, data in now_output.items() if not is_temporary(path)}
    stale = {path for path in {**now_rest, **now_output} if is_temporary(path)}
    is_new = all(whole.get(path) == data for path, data in new.items())
    # A failed edit in place may have written bytes that have no meaning.
    is_old = ({path: meaning(data) for path, data in whole.items()}
              == {path: meaning(data) for path, data in old_output.items() if not is_temporary(path)})
    if not (is_new or is_old):
        return complain(f"neither the old nor the new output: {sorted(whole)}")
    if done.returncode == 0 and not is_new:
        return complain("said to be done, and is not")
    if done.returncode and is_new and not is_old and "in place" not in done.stderr:
        return complain("in place, and not said to be")
    if {p: d for p, d in now_rest.items() if not is_temporary(p)} != {p: d for p, d in old_rest.items() if not is_temporary(p)}:
        return complain("other files have changed")
    if stale and not (resumes and done.returncode) and call != "unlink":
        return complain(f"left behind: {sorted(stale)}")
    return 0


failures = runs = 0
for name, set_up, words, output in SCENARIOS:
    in_place = set_up if getattr(set_up, "in_place", False) else None
    start = tempfile.mkdtemp(dir=work)
    shutil.copytree(base, start, dirs_exist_ok=True)
    if set_up and not in_place:
        set_up(start)

    def prepared():
        folder = tempfile.mkdtemp(dir=work)
        shutil.copytree(start, folder, dirs_exist_ok=True)
        if in_place:
            in_place(folder)
        return folder

    undisturbed = prepared()
    before = contents(undisturbed)
    good(words, undisturbed)
    new, _ = of(contents(undisturbed), output)
    before_runs, before_failures = runs, failures
    for call in CALLS:
        code = errno.ENOSPC if call == "pwrite" else errno.EIO
        # With one thread, so that the order of calls is the same each time.
        once = words + (["--threads", "1"] if words[0] != "metadata" else [])
        number = 1
        while True:
            folder = prepared()
            count = f"{work}/count"
            if os.path.exists(count):
                os.remove(count)
            done = run(once, folder, CALL=call, N=number, ERRNO=code, COUNT=count)
            seen = len(open(count).readlines()) if os.path.exists(count) else 0
            if seen >= number:
                runs += 1
                failures += check(name, call, number, code, done, before, contents(folder), new, output, "--resume" in words)
            shutil.rmtree(folder)
            if seen < number:
                break
            number += stride if call in OFTEN else 1
    print(f"{name}: {runs - before_runs} calls failed, {failures - before_failures} faults", flush=True)
    shutil.rmtree(start)
    shutil.rmtree(undisturbed)
shutil.rmtree(work)
print(f"{runs} runs, {failures} faults")
print(f"{runs - failures} passed, {failures} failed")
sys.exit(1 if failures or not runs else 0)
