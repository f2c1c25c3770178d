"""Runs commands concurrently on one file: the file is always readable, and every command that reports success has had its effect.

Usage: races.py QAMW TESTDATA [ROUNDS]    (default 200)
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

qamw, testdata = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 200
work = tempfile.mkdtemp()
os.chdir(work)
shutil.copytree(f"{testdata}/wikilm-tiny", "model")
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED:", what, flush=True)


def start(*words):
    return subprocess.Popen([qamw, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes):
    return [(process.wait(), process.communicate()) for process in processes]


def run(*words):
    return subprocess.run([qamw, *words], capture_output=True, text=True)


run("quantize", "--plain", "model", "base.qamw", "--bits", "3", "--quiet")
run("convert", "model", "base.gguf", "--quiet")
shutil.copy("model/model.safetensors", "base.safetensors")

# Four concurrent edits, some of which fit in place.
for kind in ["qamw", "gguf", "safetensors"]:
    done = 0
    for number in range(rounds):
        shutil.copy(f"base.{kind}", "m")
        results = finish([start("metadata", "m", "--set", f"key{i}=string:" + "v" * (9000 if i % 2 else 1)) for i in range(4)])
        listed = run("metadata", "m").stdout
        verified = run("verify", "m")
        check(verified.returncode == 0 and "warning" not in verified.stderr, f"{kind}: {verified.stderr}")
        for i, (status, (_, errors)) in enumerate(results):
            done += status == 0
            check((f"key{i}" in listed) == (status == 0), f"{kind}: edit {i} ended with {status}, and key{i} is {'' if f'key{i}' in listed else 'not '}there")
            check(status == 0 or status == 73 and "another process" in errors, f"{kind}: {status} {errors}")
        check(os.listdir(".").count("m") == 1 and not [name for name in os.listdir(".") if "partial" in name], os.listdir("."))
    print(f"{kind}: {rounds} rounds of four edits, {done} of {4 * rounds} done, the others told", flush=True)

# Four conversions to one name: one of them succeeds, or with --force the last one remains.
for force in [[], ["--force"]]:
    won = 0
    for number in range(max(1, rounds // 4)):
        if os.path.exists("o.safetensors"):
            os.remove("o.safetensors")
        results = finish([start("convert", "base.qamw", "o.safetensors", "--quiet", "--dtype", dtype, *force) for dtype in ["f32", "f16", "bf16", "f32"]])
        winners = [status for status, _ in results if status == 0]
        won += len(winners)
        check(len(winners) >= 1 if force else len(winners) == 1, [status for status, _ in results])
        check(all(status in (0, 73) and (status == 0 or errors) for status, (_, errors) in results), results)
        check(run("verify", "o.safetensors").returncode == 0 and not [name for name in os.listdir(".") if "partial" in name], os.listdir("."))
    print(f"convert {' '.join(force)}: {won} conversions won", flush=True)

# Two signals in succession: nothing is left.
for number in range(max(1, rounds // 10)):
    process = start("quantize", "--plain", "model", "s.qamw", "--bits", "3", "--threads", "1", "--quiet")
    time.sleep(0.02 + 0.01 * (number % 10))
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    status, _ = process.wait(), process.communicate()
    left = [name for name in os.listdir(".") if name.startswith("s.qamw")]
    # A signal may arrive when the output is already in place: then it stays, and is complete.
    whole = left == ["s.qamw"] and run("verify", "s.qamw").returncode == 0
    check(status in (0, 130, -signal.SIGTERM, -signal.SIGHUP) and (whole or status != 0 and not left), (status, left))
    for name in left:
        os.remove(name)

os.chdir("/")
shutil.rmtree(work)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
