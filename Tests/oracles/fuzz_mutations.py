"""Damage for the converter fuzzer: to arbitrary bytes, JSON values, safetensors headers and GGUF headers."""

import json
import struct

INTEGERS = [0, 1, 2, 3, 7, 31, 32, 64, 127, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
NUMBERS = [0, -1, 1, 0.5, 1e-300, 1e300, -1e300, 1e400, 2**31, 2**32, 2**63, 2**64, 10**40]
TEXTS = ["", "\0", "a" * 5000, "../x", "/etc/passwd", "\u2581", "e\u0301", "\U0001f600", "<0x41>", "<|x|>", "model", "llama", "weight", " "]


def damaged_bytes(random, data):
    """One to four changes of single bytes, of integers, or of the length."""
    data = bytearray(data)
    for _ in range(random.randint(1, 4)):
        if not data:
            break
        # Most decisive bytes are at the beginning.
        place = random.randrange(min(len(data), random.choice([64, 1024, 1 << 30])))
        kind = random.randrange(7)
        if kind == 0:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x7B, 0x5D])
        elif kind == 2:
            data[place:place + 4] = struct.pack("<I", random.choice(INTEGERS) & 0xFFFFFFFF)
        elif kind == 3:
            data[place:place + 8] = struct.pack("<Q", random.choice(INTEGERS))
        elif kind == 4:
            del data[place:place + random.choice([1, 2, 8, 64])]
        elif kind == 5:
            other = random.randrange(len(data))
            data[place:place] = data[other:other + random.choice([1, 8, 64, 1024])]
        elif random.random() < 0.5:
            del data[place:]
        else:
            data += bytes(random.choice([1, 32, 4096]))
    return bytes(data)


def damaged_value(random, value):
    """A replacement for a JSON value, of the same type or any other."""
    kind = random.randrange(6)
    if kind == 0:
        return random.choice([None, True, False, [], {}, [[]], {"type": "x"}])
    if kind == 1:
        return random.choice(TEXTS)
    if kind == 2 and isinstance(value, list) and value:
        return value + value[:1]
    if kind == 3 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return random.choice([value + 1, value - 1, -value, value * 2, value * 1e9, float(value)])
    if kind == 4 and isinstance(value, str) and value:
        place = random.randrange(len(value))
        return random.choice([value[:place], value[place:], value + random.choice(TEXTS), value[:place] + "\u00e9" + value[place:], value.upper()])
    return random.choice(NUMBERS)


def places(value, path=()):
    """The paths of all values within a value."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, path + (key,))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from places(element, path + (index,))


def damaged_tree(random, tree):
    """A JSON value in which one to three values, at any depth, are changed, removed, renamed, or replaced by others."""
    tree = json.loads(json.dumps(tree))
    for _ in range(random.randint(1, 3)):
        # All depths are equally likely, so that a long vocabulary does not dominate.
        all_places = [path for path in places(tree) if path]
        if not all_places:
            break
        depth = random.choice(sorted({len(path) for path in all_places}))
        path = random.choice([path for path in all_places if len(path) == depth])
        parent = tree
        for step in path[:-1]:
            parent = parent[step]
        key, kind = path[-1], random.randrange(5)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[random.choice(TEXTS + list(parent))] = parent.pop(key)
        elif kind == 2:
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            parent[key] = parent[random.choice(keys)]
        else:
            parent[key] = damaged_value(random, parent[key])
    return tree


def damaged_json(random, data):
    if random.random() < 0.25:
        return damaged_bytes(random, data)
    text = json.dumps(damaged_tree(random, json.loads(data)), ensure_ascii=random.random() < 0.5)
    return text.encode("utf-8", "surrogatepass").replace(b"Infinity", b"1e999").replace(b"NaN", b"0")


def damaged_safetensors(random, data):
    if random.random() < 0.3:
        return damaged_bytes(random, data)
    length = struct.unpack_from("<Q", data)[0]
    header = json.dumps(damaged_tree(random, json.loads(data[8:8 + length]))).encode("utf-8", "surrogatepass")
    header = header.replace(b"Infinity", b"1e999").replace(b"NaN", b"0")
    return struct.pack("<Q", len(header)) + header + data[8 + length:]


class GGUFHeader:
    """A parsed GGUF header: keys with type and value, tensors with shape, type and offset; the data unchanged. Little-endian."""

    SCALARS = dict(enumerate("BbHhIif?_xQqd"))

    def __init__(self, data):
        self.data, self.place = data, 8
        count, keys = self.take("Q"), self.take("Q")
        self.keys = []
        for _ in range(keys):
            name, kind = self.string(), self.take("I")
            self.keys.append([name, kind, self.value(kind)])
        self.tensors = []
        for _ in range(count):
            name, dimensions = self.string(), self.take("I")
            self.tensors.append([name, [self.take("Q") for _ in range(dimensions)], self.take("I"), self.take("Q")])
        alignment = next((value for name, kind, value in self.keys if name == b"general.alignment"), 32)
        self.payload = data[-(-self.place // alignment) * alignment:]

    def take(self, code):
        result = struct.unpack_from("<" + code, self.data, self.place)[0]
        self.place += struct.calcsize(code)
        return result

    def string(self):
        length = self.take("Q")
        self.place += length
        return self.data[self.place - length:self.place]

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            element, count = self.take("I"), self.take("Q")
            return [element, [self.value(element) for _ in range(count)]]
        return self.take(self.SCALARS[kind])

    def encoded(self):
        def string(text):
            return struct.pack("<Q", len(text)) + text

        def value(kind, content):
            if kind == 8:
                return string(content)
            if kind == 9:
                element, values = content
                return struct.pack("<IQ", element, len(values)) + b"".join(value(element, v) for v in values)
            return struct.pack("<" + self.SCALARS[kind], content)

        result = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        for name, kind, content in self.keys:
            result += string(name) + struct.pack("<I", kind) + value(kind, content)
        for name, shape, kind, offset in self.tensors:
            result += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)
        return result + bytes(-len(result) % 32) + self.payload


def damaged_entry(random, entry):
    """A key with another value, of the same or another type."""
    name, kind, content = entry
    if kind == 9 and random.random() < 0.7 and content[1]:
        element, values = content[0], list(content[1])
        place = random.randrange(len(values))
        change = random.randrange(5)
        if change == 0:
            del values[place]
        elif change == 1:
            values.append(values[place])
        elif change == 2:
            values[place] = values[random.randrange(len(values))]
        elif change == 3:
            del values[place:]
        else:
            other = damaged_entry(random, [name, element, values[place]])
            if other[1] == element:
                values[place] = other[2]
        return [name, kind, [element, values]]
    if kind not in (8, 9) and random.random() < 0.6:
        kind = random.choice([kind, kind, 4, 5, 6, 10, 11, 12])
    elif random.random() < 0.5:
        kind = random.choice([k for k in range(13)])
    if kind == 8:
        return [name, 8, random.choice(TEXTS).encode()]
    if kind == 9:
        return [name, 9, [4, [random.choice(INTEGERS) & 0xFFFFFFFF for _ in range(random.randrange(4))]]]
    if kind in (6, 12):
        return [name, kind, random.choice([0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("nan"), float("inf"), float("-inf")])]
    if kind == 7:
        return [name, 7, random.random() < 0.5]
    width = struct.calcsize(GGUFHeader.SCALARS[kind])
    number = random.choice(INTEGERS + [2**64 - 2, 5, 12, 96]) & (256**width - 1)
    return [name, kind, number if GGUFHeader.SCALARS[kind].isupper() else number - 256**width * (number >> (8 * width - 1))]


def damaged_gguf(random, data):
    if random.random() < 0.3:
        return damaged_bytes(random, data)
    header = GGUFHeader(data)
    for _ in range(random.randint(1, 3)):
        kind = random.randrange(6)
        if kind < 3 and header.keys:
            place = random.randrange(len(header.keys))
            if kind == 0 and random.random() < 0.4:
                del header.keys[place]
            elif kind == 0 and random.random() < 0.3:
                header.keys[place][0] = random.choice(header.keys)[0]
            else:
                header.keys[place] = damaged_entry(random, header.keys[place])
        elif header.tensors:
            tensor = random.choice(header.tensors)
            if kind == 3:
                tensor[0] = random.choice([random.choice(header.tensors)[0], random.choice(TEXTS).encode(), tensor[0][:-1], tensor[0] + b".weight"])
            elif kind == 4:
                shape = list(tensor[1])
                random.choice([
                    lambda: shape.append(1), lambda: shape.reverse(), lambda: shape.insert(0, random.choice([1, 2, 32])),
                    lambda: shape.__setitem__(-1, random.choice(INTEGERS)) if shape else None,
                    lambda: shape.__setitem__(0, shape[0] // 2) if shape else None])()
                tensor[1] = shape
            elif random.random() < 0.5:
                tensor[2] = random.choice(list(range(43)))
            else:
                tensor[3] = random.choice([header.tensors[0][3], tensor[3] + 32, random.choice(INTEGERS)])
    return header.encoded()
