"""The contents of a file other than coded weights; damaged, missing and closed files."""

import gc
import os
import tempfile
import threading
import unittest

import numpy as np

from support import CONTENTS, ROOT, FileTest, damaged_example, decoded, make_shards, qamw_reference, write_set
import qamw


class Contents(FileTest):
    def test_the_example(self):
        file = self.open("example")
        version = qamw_reference.open_qamw(CONTENTS["example"]).header.version
        self.assertEqual((file.names, len(file), list(file), file.format_version), (["norm", "proj"], 2, ["norm", "proj"], version))
        self.assertIn("proj", file)
        self.assertEqual([tensor.name for tensor in file.values()], file.names)
        proj = file["proj"]
        self.assertEqual((proj.shape, proj.dtype, proj.stored_bytes, proj.alias_of), ((1, 64), "F32", 46, None))
        self.assertEqual(proj.encoding, qamw.Encoding("qam-pairs", "octant", 5.5, 64, 42, "float16", False, 1))
        self.assertEqual((file["norm"].encoding, file["norm"].dtype), (None, "F16"))
        self.assertEqual(file.metadata, {"general.name": "example"})
        self.assertEqual((file.embedded, file.read_embedded("note.txt"), file.warnings), (["note.txt"], b"hello\n", []))
        for missing in (lambda: file["nowhere"], lambda: file.read_embedded("nowhere"), lambda: file.verify(["nowhere"])):
            self.assertRaises(KeyError, missing)

    def test_metadata(self):
        expected = {
            "u8": 255, "i8": -128, "u16": 65535, "i16": -32768, "u32": 2**32 - 1, "i32": -(2**31), "f32": 0.5, "no": False, "yes": True,
            "text": "nul \0 and é", "": "", "u64": 2**64 - 1, "i64": -(2**63), "f64": 0.1, "strings": ["a", "", "ß"],
            "bools": [True, False], "floats": [1.5] * 500, "nothing": []}
        metadata = self.open("metadata").metadata
        self.assertEqual(metadata, expected)
        self.assertEqual([type(value) for value in metadata.values()], [type(value) for value in expected.values()])
        self.assertEqual(list(metadata), list(expected))

    def test_raw_tensors_are_views_of_the_mapping(self):
        natives = {
            "t1": "?", "t5": "u1", "t6": "i1", "t12": "<i2", "t13": "<u2", "t14": "<f2", "t16": "<i4", "t17": "<u4", "t18": "<f4", "t19": "<c8",
            "t20": "<f8", "t21": "<i8", "t22": "<u8"}
        for access in ("mapped", "buffered"):
            file = self.open("raw", access=access)
            for name, dtype in natives.items():
                stored = decoded("raw", name).tobytes()
                array = file[name][...]
                self.assertEqual((array.dtype, array.shape, array.tobytes()), (np.dtype(dtype), (3, 4), stored))
                self.assertEqual(np.shares_memory(array, file[name].raw), access == "mapped")
                self.assertFalse(array.flags.writeable)
                self.assertEqual(file[name][1:, ::-2].tobytes(), array[1:, ::-2].tobytes())
            brain = file["t15"].raw
            self.assertEqual((brain.dtype, brain.shape), (np.dtype("<u2"), (3, 4)))
            widened = (brain.astype(np.uint32) << 16).view(np.float32)
            self.assertTrue(np.array_equal(file["t15"].to_float32(), widened, equal_nan=True))
            self.assertTrue(np.array_equal(file["t15"][1, ::2], widened[1, ::2], equal_nan=True))
            self.assertEqual((file["t2"].raw.shape, file["t2"][...].shape, file["t8"].raw.dtype), ((3, 2), (3, 4), np.dtype("u1")))
            self.assertEqual((float(file["scalar"][()]), file["scalar"].shape), (0.25, ()))
            self.assertEqual((file["none"][...].shape, file["last"].raw.size), ((0, 7), 7))
            self.assertEqual(file["tied"].alias_of, file.names[17])
            self.assertTrue(np.array_equal(file["tied"][...], file[file.names[17]][...], equal_nan=True))
            self.assertRaises(qamw.InvalidArgumentError, lambda: file["t5"].symbols)
            self.assertRaises(TypeError, lambda: len(file["scalar"]))
        self.assertRaises(ValueError, lambda: file["t5"].raw.__setitem__(0, 1))

    def test_compressed_tensors_and_files(self):
        file = self.open("compressed")
        self.assertEqual(file["big"][...].tobytes(), decoded("compressed", "big").tobytes())
        self.assertEqual((file["first"].alias_of, file["first"].stored_bytes), ("big", 2400000))
        self.assertEqual(file.embedded, ["config.json", "b.bin", "empty"])
        self.assertEqual((len(file.read_embedded("b.bin")), file.read_embedded("empty")), (2200000, b""))

    def test_parts_of_coded_tensors(self):
        for access in ("mapped", "buffered"):
            tensor = self.open("octant-06", access=access)["w"]  # With channel scales.
            self.assertEqual((tensor.symbols.shape, tensor.gains.shape, tensor.channel_scales.shape), ((5, 360), (5,), (640,)))
            self.assertEqual(tensor.gains.dtype.name, tensor.encoding.gain_type)
            self.assertTrue((tensor.channel_scales > 0).all() and (tensor.gains > 0).all())
            self.assertEqual((len(tensor.codebook), tensor.codebook[0]), (520, 2))
        self.assertIsNone(self.open("octant-05")["w"].channel_scales)


    def test_what_a_later_program_made(self):
        [warning] = self.open("other-order").warnings
        self.assertIn("x-note", warning)
        with qamw.open(os.path.join(ROOT, "testdata", "vectors", "valid", "codec-unknown.qamw")) as file:
            [tensor] = [tensor for tensor in file.values() if tensor.encoding]
            self.assertEqual(tensor.encoding, qamw.Encoding("", "", 0.0, 0, 0, "", False, 0))
            self.assertIn(tensor.name, file.warnings[0])
            for use in (lambda: tensor[...], lambda: tensor.linear(np.ones(tensor.shape[-1]))):
                with self.assertRaises(qamw.Error) as caught:
                    use()
                self.assertEqual(caught.exception.code, "unsupported")


class Lifetimes(FileTest):
    def test_views_outlive_their_file(self):
        path = self.write("raw")
        with qamw.open(path) as file:
            view, expected = file["t18"].raw, file["t18"].raw.copy()
        tensor = file["t18"]
        self.assertTrue(file.closed)
        for use in (lambda: tensor[...], lambda: tensor @ np.ones(4), lambda: file.metadata, file.verify, lambda: file.embedded, file.__enter__):
            self.assertRaises(ValueError, use)
        del file, tensor
        gc.collect()
        os.remove(path)
        self.assertEqual(view.tobytes(), expected.tobytes())
        self.assertEqual(memoryview(view).tobytes(), expected.tobytes())

    def test_closed_files_are_unmapped_with_their_last_view(self):
        path = self.write("octant-05")

        def mapped():
            with open("/proc/self/maps", encoding="utf-8") as maps:
                return path in maps.read()

        file = qamw.open(path)
        view = file["w"].symbols[1:]
        file.close()
        file.close()
        self.assertTrue(mapped())
        del view
        self.assertFalse(mapped())
        with qamw.open(path) as file:
            products = file["w"] @ np.ones(640)
        self.assertEqual(products.shape, (5,))
        self.assertFalse(mapped())

    def test_threads_share_a_file(self):
        file, expected = self.open("free-09", threads=2), decoded("free-09")
        product, wrong = file["w"] @ np.ones(640), []

        def work():
            for _ in range(30):
                if not (np.array_equal(file["w"][...], expected) and np.array_equal(file["w"] @ np.ones(640), product)):
                    wrong.append(True)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_forked_child_multiplies_with_threads_of_its_own(self):
        file = self.open("octant-05", threads=2)
        product = file["w"] @ np.ones(640)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if np.array_equal(file["w"] @ np.ones(640), product) else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


class Failures(FileTest):
    def test_files_that_cannot_be_opened(self):
        path = os.path.join(self.folder, "nowhere.qamw")
        with self.assertRaises(FileNotFoundError) as caught:
            qamw.open(path)
        self.assertEqual((caught.exception.code, str(caught.exception)), ("not_found", f"{path}: no such file"))
        for content, code in ((CONTENTS["example"][:-1], "truncated"), (b"no model" * 99, "malformed")):
            with self.assertRaises(qamw.DamagedError) as caught:
                qamw.open(self.write("bad", content))
            self.assertEqual(caught.exception.code, code)
        with self.assertRaises(ValueError):
            qamw.open(path, access="psychic")
        with self.assertRaises(ValueError):
            qamw.open("a\0b")

    def test_damage_is_found(self):
        path = self.write("damaged", damaged_example())
        with qamw.open(path) as file:
            found = file.verify()
            self.assertFalse(found.ok)
            self.assertGreater(found.bytes_verified, 4096)
            [problem] = found.problems
            self.assertEqual(
                (problem.code, problem.section, problem.tensor, problem.length), ("checksum_mismatch", "symbols", "proj", 44))
            self.assertIn("chunk 0 is damaged", problem.message)
            self.assertTrue(file.verify(["norm"]).ok)
            self.assertFalse(file.verify(["proj", "proj"], threads=2).ok)
            self.assertEqual(file["proj"][...].shape, (1, 64))
            with self.assertRaises(qamw.Error):
                file.verify(threads=5000)
        with qamw.open(path, verify=True) as file:
            self.assertEqual(file["norm"][...].shape, (3,))
            for use in (lambda: file["proj"][0], lambda: file["proj"].symbols, lambda: file["proj"] @ np.ones(64)):
                with self.assertRaises(qamw.DamagedError) as caught:
                    use()
                self.assertEqual(caught.exception.code, "checksum_mismatch")
        with qamw.open(self.write("example")) as file:
            self.assertTrue(file.verify().ok)

    def test_what_verifying_warns_of(self):
        with qamw.open(self.write("edited-low-interrupted")) as file:
            found = file.verify()
            self.assertTrue(found.ok)
            self.assertIn("an edit in place has been interrupted", found.warnings[0])
        with qamw.open(self.write("example")) as file:
            self.assertEqual(file.verify().warnings, [])


class Sets(FileTest):
    def test_the_first_file_opens_the_set(self):
        with self.open("example") as example, qamw.open(write_set(self.folder, make_shards.files())) as file:
            self.assertEqual(file.names, ["tied", "norm", "proj", "bias"])
            self.assertEqual((file.metadata, file.embedded, file.warnings), ({"general.name": "three files"}, ["note.txt"], []))
            for name in ("tied", "proj"):
                self.assertTrue(np.array_equal(file[name][...], example["proj"][...]))
                self.assertTrue(np.array_equal(file[name] @ np.ones(64), example["proj"] @ np.ones(64)))
            self.assertEqual(file["bias"][0], 1.0)
            self.assertTrue(file.verify().ok)
            self.assertTrue(file.verify(["tied", "bias"]).ok)
        with qamw.open(os.path.join(self.folder, make_shards.name_of("set", 2))) as file:
            self.assertEqual(file.names, ["tied", "proj"])
            self.assertIn("file 2 of a set of 3", file.warnings[0])

    def test_sets_that_are_not_whole(self):
        files = make_shards.files()
        for content, cause in ((None, "set-00003-of-00003.qamw"), (files[1], "by its name it is file 3"), (make_shards.file(3, None), "belongs to no set")):
            with tempfile.TemporaryDirectory() as folder, self.assertRaises(qamw.DamagedError) as caught:
                qamw.open(write_set(folder, [*files[:2], content]))
            self.assertEqual(caught.exception.code, "malformed")
            self.assertIn(cause, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
