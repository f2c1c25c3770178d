#!/usr/bin/env python3
"""Runs the command on damaged models and checks how it ends.

    converters_fuzz.py QAMW_BINARY TESTDATA_DIR SECONDS [SEED [FAILURES_DIR]]

Inputs: tiny models of every architecture with tokenizers, as folders of safetensors and of PyTorch files, GGUF and .qamw; files with
every ggml type; a split set. For any damage the command must end by itself, within ten seconds and 1 GiB, with a status and one line that state what
is wrong; after a failure it must leave no output; and its own outputs must verify. The damage is determined by SEED
and a counter, which are printed with each failure; the input is kept in FAILURES_DIR.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
import architecture_models
import fuzz_mutations as mutations
import torch_file

SECONDS, BYTES = 10, 1 << 30
# Invalid input or arguments; never a bug (70), an interruption or a signal.
STATUSES = {0, 1, 64, 65, 66, 73}
TOKENIZERS = {"llama": "llama2", "llama3": "llama3", "mistral": "tekken", "qwen2": "qwen2", "qwen3": "gpt4o", "gemma2": "gemma",
              "gemma3": "gemma", "phi3": "phi3", "phi3-short": "phi4"}
JSON_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"]


class Run:
    """One run of the command: its status, its standard error, processor time and memory."""

    def __init__(self, qamw, words):
        self.command = words[0]
        # A trap needs no backtrace.
        environment = os.environ | {"SWIFT_BACKTRACE": "enable=no"}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen([qamw, *map(str, words)], stdout=subprocess.DEVNULL, stderr=errors, env=environment)
            signal.signal(signal.SIGALRM, lambda *_: os.kill(process.pid, signal.SIGKILL))
            # Wall-clock limit for a hang; it is generous because the machine may be busy.
            signal.alarm(10 * SECONDS)
            _, status, usage = os.wait4(process.pid, 0)
            signal.alarm(0)
            process.returncode = self.status = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            self.message = errors.read().decode("utf-8", "replace")
        self.seconds, self.bytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

    @property
    def problem(self):
        if self.seconds > SECONDS or self.bytes > BYTES:
            return f"{self.seconds:.1f} s, {self.bytes >> 20} MiB"
        if self.status not in STATUSES:
            return f"status {self.status}"
        errors = [line for line in self.message.splitlines() if not line.startswith("qamw: warning: ")]
        if self.status > 1 and self.status != 64 and (len(errors) != 1 and self.command != "verify" or not errors):
            return f"{len(errors)} lines of errors"
        return None


def safetensors(data):
    """The tensors of a file: dtype, shape and bytes by name."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    return {
        name: (entry["dtype"], entry["shape"], data[8 + length:][entry["data_offsets"][0]:entry["data_offsets"][1]])
        for name, entry in header.items() if name != "__metadata__"}


class Fuzzer:
    def __init__(self, qamw, testdata, scratch, seed, failures):
        self.qamw, self.scratch, self.seed, self.failures = os.path.abspath(qamw), scratch, seed, failures
        self.work = scratch / "work"
        self.runs = self.succeeded = self.failed = 0
        self.models, self.ggufs, self.coded = [], [], []
        self.make_models(Path(testdata))

    def make_models(self, testdata):
        seeds = self.scratch / "seeds"
        for number, (name, config) in enumerate(architecture_models.configurations().items()):
            tokenizer = testdata / "tokenizers" / TOKENIZERS[name]
            ids = json.loads((tokenizer / "tokenizer.json").read_text())
            config["vocab_size"] = 1 + max([*ids["model"]["vocab"].values(), *(token["id"] for token in ids["added_tokens"])])
            folder = seeds / name
            architecture_models.write(folder, config, architecture_models.tensors(config, number))
            for file in tokenizer.iterdir():
                if file.name != "config.json":
                    shutil.copy(file, folder)
            self.models.append(folder)
            for output in (seeds / f"{name}.gguf", seeds / f"{name}.qamw", seeds / f"{name}-names.qamw"):
                command = "quantize" if output.suffix == ".qamw" and "names" not in output.name else "convert"
                names = ["--names", "gguf"] if "names" in output.name else []
                subprocess.run([self.qamw, command, folder, output, *names], check=True, capture_output=True)
                (self.ggufs if output.suffix == ".gguf" else self.coded).append(output)
        packed = seeds / "packed.gguf"
        subprocess.run([self.qamw, "convert", self.coded[0], packed, "--packed"], check=True, capture_output=True)
        self.ggufs += [packed, *sorted((testdata / "golden" / "ggml").glob("*.gguf"))]

    def prepared(self, rng):
        """A damaged model in the work folder."""
        kind = rng.randrange(13)
        if kind >= 10:
            origin = rng.choice(self.models)
            path = shutil.copytree(origin, self.work / "in")
            source = path / "model.safetensors"
            file = torch_file.written(safetensors(source.read_bytes()), rng)
            source.unlink()
            (path / "pytorch_model.bin").write_bytes(torch_file.damaged_torch(rng, file))
        elif kind < 4:
            origin = rng.choice(self.ggufs)
            path = self.work / "in.gguf"
            path.write_bytes(mutations.damaged_gguf(rng, origin.read_bytes()))
        elif kind < 9:
            origin = rng.choice(self.models)
            path = shutil.copytree(origin, self.work / "in")
            names = [name for name in [*JSON_FILES, *JSON_FILES, "tokenizer.model", "model.safetensors"] if (path / name).exists()]
            chosen = list(dict.fromkeys(rng.sample(names, rng.choice([1, 1, 2]))))
            if "tokenizer.model" in chosen:
                # Otherwise tokenizer.json would have precedence over the damaged file.
                (path / "tokenizer.json").unlink()
                chosen = [name for name in chosen if name != "tokenizer.json"]
            for name in chosen:
                damage = {".json": mutations.damaged_json, ".safetensors": mutations.damaged_safetensors}.get(
                    (path / name).suffix, mutations.damaged_bytes)
                (path / name).write_bytes(damage(rng, (path / name).read_bytes()))
        else:
            origin = rng.choice(self.coded)
            path = self.work / "in.qamw"
            path.write_bytes(mutations.damaged_bytes(rng, origin.read_bytes()))
        return path, origin

    def commands(self, path, origin, rng):
        """Commands, each with its output, if any."""
        names = rng.choice([[], ["--names", "hf"], ["--names", "gguf"], ["--names", "keep"]])
        dtype = rng.choice([[], [], ["--dtype", "f16"], ["--dtype", "bf16"], ["--dtype", "f32"]])
        outputs = [self.work / "out.gguf", self.work / "out.safetensors", self.work / "folder", self.work / "out.qamw"]
        yield ["verify", path], None
        yield ["inspect", path, "--tensors", "--metadata", "--json"], None
        yield ["compare", path, origin], None
        yield ["quantize", "--plain", path, self.work / "coded.qamw", "--bits", rng.choice(["2", "3.5", "5.5"]), "--recipe", rng.choice(["all", "linear"])], self.work / "coded.qamw"
        for output in rng.sample(outputs, 2):
            to = ["--to", "safetensors"] if output.suffix == "" else []
            yield ["convert", path, f"{output}/" if to else output, *to, *names, *dtype], output
        yield ["convert", path, self.work / "q8.gguf", *rng.choice([["--dtype", "q8_0"], ["--max-shard-size", "20KB"], ["--alignment", "8"]])], None
        if path.is_file():
            yield ["metadata", path, "--set", f"general.description=string:{'x' * rng.choice([1, 100, 5000])}"], None

    def case(self, case):
        rng = random.Random(f"{self.seed}.{case}")
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        path, origin = self.prepared(rng)
        kept = self.scratch / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.work, kept)
        for words, output in self.commands(path, origin, rng):
            before = set(self.work.iterdir())
            run = Run(self.qamw, words)
            self.runs += 1
            self.succeeded += run.status == 0
            problem = run.problem
            left = [p.name for p in self.work.iterdir() if p not in before]
            if run.status != 0 and left:
                problem = problem or f"left behind: {left}"
            if any(p.suffix in (".partial", ".journal") for p in self.work.rglob("*")):
                problem = problem or "a partial file is left"
            if run.status == 0 and output:
                check = Run(self.qamw, ["verify", output])
                if check.status != 0:
                    problem = problem or f"its output does not verify: {check.message}"
            if problem:
                self.report(case, origin, words, problem, run.message, kept)

    def report(self, case, origin, words, problem, message, kept):
        self.failed += 1
        text = " ".join(str(word).replace(str(self.work), "WORK")[:200] for word in words)
        print(f"FAILED: seed {self.seed}, case {case}, {origin.name}: qamw {text}: {problem}: {message.strip()[-400:]}", flush=True)
        if self.failures:
            shutil.copytree(kept, Path(self.failures) / f"{self.seed}.{case}", dirs_exist_ok=True)


def main(qamw, testdata, seconds, seed="1", failures=None):
    with tempfile.TemporaryDirectory() as scratch:
        fuzzer = Fuzzer(qamw, testdata, Path(scratch), seed, failures)
        end, case = time.monotonic() + float(seconds), 0
        while time.monotonic() < end:
            fuzzer.case(case)
            case += 1
    print(f"seed {seed}: {case} damaged models, {fuzzer.runs} runs, {fuzzer.succeeded} of them successful, {fuzzer.failed} failures")
    return 1 if fuzzer.failed or not fuzzer.runs else 0


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
