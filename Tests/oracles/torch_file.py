"""PyTorch files without PyTorch: writes, parses and damages them."""

import io
import pickletools
import struct
import zipfile

from fuzz_mutations import INTEGERS, TEXTS, damaged_bytes

STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage", "I64": "LongStorage", "U8": "ByteStorage"}
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1}
GLOBALS = [b"cos\nsystem\n", b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"ctorch\nHalfStorage\n", b"ctorch\nbfloat16\n"]


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def counts(values):
    return b"(" + b"".join(map(integer, values)) + b"t"


def written(tensors, random):
    """A file with the given tensors, name: (dtype, shape, bytes). Some matrices are stored transposed, some share a storage."""
    pickle, storages = b"\x80\x02}(", []
    for name, (dtype, shape, data) in tensors.items():
        size, strides, offset = SIZES[dtype], [], 0
        for dimension in reversed(shape):
            strides.insert(0, strides[0] * last if strides else 1)
            last = dimension
        if len(shape) == 2 and random.random() < 0.3:
            rows, columns = shape
            cells = [data[size * cell:size * (cell + 1)] for cell in range(rows * columns)]
            data = b"".join(cells[row * columns + column] for column in range(columns) for row in range(rows))
            strides = [1, rows]
        elif random.random() < 0.3:
            offset, data = 3, bytes(3 * size) + data
        storage = b"(" + text("storage") + f"ctorch\n{STORAGES[dtype]}\n".encode() + text(str(len(storages))) + text("cpu") + integer(len(data) // size) + b"tQ"
        arguments = storage + integer(offset) + counts(shape) + counts(strides) + b"\x89ccollections\nOrderedDict\n)R"
        pickle += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"
        storages.append(data)
    entries = [("m/data.pkl", pickle + b"u."), ("m/byteorder", b"little"), ("m/version", b"3\n")]
    return packed(entries + [(f"m/data/{number}", data) for number, data in enumerate(storages)])


def packed(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def damaged_pickle(random, pickle):
    """A pickle with one to three operations changed, removed, repeated, or replaced by others."""
    places = [place for _, _, place in pickletools.genops(pickle)] + [len(pickle)]
    operations = [pickle[start:end] for start, end in zip(places, places[1:])]
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(operations))
        kind = random.randrange(7)
        if kind == 0:
            del operations[place]
        elif kind == 1:
            operations.insert(place, random.choice(operations))
        elif kind == 2:
            operations[place] = random.choice(operations)
        elif kind == 3:
            operations[place:place] = [random.choice(GLOBALS), *random.choice([[], [b")R"], [b"tR"]])]
        elif kind == 4:
            numbers = [index for index, operation in enumerate(operations) if operation[:1] == b"\x8a"] or [place]
            operations[random.choice(numbers)] = b"\x8a\x08" + struct.pack("<Q", random.choice([*INTEGERS, 2**64 - 2]))
        elif kind == 5:
            texts = [index for index, operation in enumerate(operations) if operation[:1] == b"X"] or [place]
            operations[random.choice(texts)] = text(random.choice([*TEXTS, "state_dict", "0"]))
        else:
            operations[place:place] = [random.choice([b"(", b")", b"]", b"}", b"N", b"0", b"1", b"2", b"e", b"u", b"\x85", b"\x94", b"h\0", b"q\0", b"b", b"Q"])] * random.choice([1, 2, 1000])
        if not operations:
            break
    return b"".join(operations)


def damaged_torch(random, data):
    if random.random() < 0.3:
        return damaged_bytes(random, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    kind = random.randrange(6)
    place = random.randrange(len(entries))
    if kind < 3:
        entries[0] = (entries[0][0], damaged_pickle(random, entries[0][1]))
    elif kind == 3:
        del entries[place]
    elif kind == 4:
        entries[place] = (entries[place][0], damaged_bytes(random, entries[place][1]))
    else:
        entries[place] = (random.choice([*TEXTS, "m/constants.pkl", "m/code/x.py", "n/data.pkl", "m/data/x"])[:60000], entries[place][1])
    damaged = packed(entries, random.choice([zipfile.ZIP_STORED] * 5 + [zipfile.ZIP_DEFLATED]))
    return damaged_bytes(random, damaged[::-1])[::-1] if random.random() < 0.2 else damaged
