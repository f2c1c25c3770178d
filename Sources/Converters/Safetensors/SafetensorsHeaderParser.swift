import Architectures
internal import QAMFormat

/// Parses the JSON of a safetensors header. Validates each entry by itself, but not their offsets relative to each other.
struct SafetensorsHeaderParser {
    private(set) var entries: [SafetensorsHeader.Entry] = []
    /// The pairs of `__metadata__` in order, with unique keys.
    private(set) var metadata: [(key: String, value: String)] = []

    private var names: Set<ExactName> = []
    private var ignoredFields = 0
    private var firstIgnored = ""

    private static let dtypes = Dictionary(uniqueKeysWithValues: DType.safetensors.map { ($0.name, $0) })

    var warnings: [String] {
        if ignoredFields == 0 { return [] }
        let more = ignoredFields > 1 ? " and \(ignoredFields - 1) more" : ""
        return ["header fields that safetensors does not have are ignored: \(firstIgnored)\(more)"]
    }

    mutating func parse(_ json: [UInt8]) throws {
        var reader = JSONReader(json, section: "header", base: 8)
        // An entry takes about a hundred bytes; growing the set step by step would rehash every name several times.
        names.reserveCapacity(json.count / 100)
        try reader.object { reader, name in
            guard names.insert(ExactName(name)).inserted else { throw reader.malformed("the name \"\(name)\" is given twice") }
            guard !name.utf8.contains(0) else { throw reader.malformed("a tensor's name holds a NUL") }
            if name == "__metadata__" {
                try parseMetadata(&reader)
            } else {
                entries.append(try entry(name, &reader))
            }
        }
        try reader.end()
    }

    private mutating func parseMetadata(_ reader: inout JSONReader) throws {
        var keys: Set<ExactName> = []
        try reader.object { reader, key in
            guard keys.insert(ExactName(key)).inserted else { throw reader.malformed("the metadata key \"\(key)\" is given twice") }
            guard !key.utf8.contains(0) else { throw reader.malformed("a metadata key holds a NUL") }
            guard try reader.peek() == .string else { throw reader.malformed("the metadata value of \"\(key)\" is not a string") }
            metadata.append((key, try reader.string()))
        }
    }

    private mutating func entry(_ name: String, _ reader: inout JSONReader) throws -> SafetensorsHeader.Entry {
        var dtype: DType?
        var shape: [Int]?
        var range: Range<Int>?
        func fault(_ message: String) -> QAMError {
            var error = reader.malformed(message)
            error.place.tensor = name
            return error
        }

        try reader.object { reader, field in
            func once(_ isNew: Bool) throws {
                guard isNew else { throw reader.malformed("the field \"\(field)\" is given twice") }
            }
            switch field {
            case "dtype":
                try once(dtype == nil)
                let text = try reader.string()
                guard let known = Self.dtypes[text] else { throw reader.malformed("unknown data type \"\(text)\"") }
                dtype = known
            case "shape":
                try once(shape == nil)
                shape = try reader.counts()
            case "data_offsets":
                try once(range == nil)
                range = try reader.range()
            default:
                if ignoredFields == 0 { firstIgnored = "\"\(field)\" of tensor \"\(name)\"" }
                ignoredFields += 1
                try reader.skip()
            }
        }

        guard let dtype, let shape, let range else { throw fault("dtype, shape or data_offsets is missing") }
        guard let elements = TensorDescriptor.checkedElementCount(shape), let bytes = dtype.byteCount(elements: elements) else {
            throw fault("the shape \(shape) of \(dtype.name) overflows or does not fill a whole number of bytes")
        }
        guard range.count == bytes else {
            throw fault("\(range.count) bytes are given, but the shape \(shape) of \(dtype.name) needs \(bytes)")
        }
        return SafetensorsHeader.Entry(name: name, dtype: dtype, shape: shape, range: range)
    }
}

extension JSONReader {
    fileprivate mutating func counts() throws -> [Int] {
        var counts: [Int] = []
        try array { reader in
            guard counts.count < 255 else { throw reader.malformed("more than 255 dimensions") }
            counts.append(try reader.count())
        }
        return counts
    }

    /// Reads an array of a start and an end.
    fileprivate mutating func range() throws -> Range<Int> {
        var begin = 0
        var end = 0
        var count = 0
        try array { reader in
            begin = end
            end = try reader.count()
            count += 1
        }
        guard count == 2, begin <= end else { throw malformed("data_offsets must be a begin and an end that is not before it") }
        return begin..<end
    }
}
