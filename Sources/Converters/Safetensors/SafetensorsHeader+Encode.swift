import Architectures
internal import QAMFormat

extension SafetensorsHeader {
    /// Encodes a file's header: its length in eight bytes, the metadata, the entries in the given order, and padding with spaces to a
    /// multiple of 8 bytes, or to `length` bytes of JSON if given and sufficient.
    ///
    /// Throws `unsupported` if the header exceeds the limit of readers.
    package static func encode(
        _ entries: [Entry], metadata: [(key: String, value: String)], length: Int? = nil
    ) throws -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if !metadata.isEmpty {
                json.key("__metadata__")
                json.object { json in
                    for (key, value) in metadata {
                        json.key(key)
                        json.string(value)
                    }
                }
            }
            for entry in entries {
                json.key(entry.name)
                json.object { json in
                    json.key("dtype")
                    json.string(entry.dtype.name)
                    json.key("shape")
                    json.array { json in for dimension in entry.shape { json.integer(dimension) } }
                    json.key("data_offsets")
                    json.array { json in
                        json.integer(entry.range.lowerBound)
                        json.integer(entry.range.upperBound)
                    }
                }
            }
        }
        let padded = max(length ?? 0, length.map { json.bytes.count <= $0 } == true ? 0 : alignUp(json.bytes.count, to: 8))
        guard padded <= maximumLength else {
            throw QAMError(.unsupported, "the header would have \(padded) bytes, more than the \(maximumLength) that readers take")
        }
        var header = ByteWriter()
        header.count(padded)
        header.append(json.bytes)
        header.append(repeatElement(UInt8(ascii: " "), count: padded - json.bytes.count))
        return header.bytes
    }
}
