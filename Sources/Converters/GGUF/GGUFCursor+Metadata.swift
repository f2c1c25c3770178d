internal import QAMFormat

extension GGUFCursor {
    /// Reads `count` key-value pairs. Throws `malformed` for a key that is empty, contains a NUL or occurs twice, and for unknown types;
    /// `unsupported` for nested arrays.
    mutating func metadata(_ count: Int) throws -> Metadata {
        section = "metadata"
        // The shortest pair: a one-byte key, its length, a type and a one-byte value.
        guard count <= remaining / 14 else {
            throw fault(.truncated, "the number of metadata entries is \(count), but the rest of the file holds at most \(remaining / 14)")
        }
        var metadata = Metadata()
        for index in 0..<count {
            let start = offset
            let key = try string("the key of metadata entry \(index)")
            guard !key.isEmpty else { throw fault("the key of metadata entry \(index) is empty", at: start) }
            guard key.utf8.count <= GGUFHeader.maximumKeyLength else {
                throw fault(.limitExceeded, "a metadata key of \(key.utf8.count) bytes is beyond the limit of \(GGUFHeader.maximumKeyLength)", at: start)
            }
            guard !key.utf8.contains(0) else { throw fault("a metadata key holds a NUL", at: start) }
            guard metadata[key] == nil else { throw fault("the metadata key \"\(key)\" is given twice", at: start) }
            metadata.set(key, try value(of: key))
        }
        return metadata
    }

    private mutating func value(of key: String) throws -> MetadataValue {
        let start = offset
        let type: UInt32 = try integer()
        switch type {
        case 0: return .uint8(try integer())
        case 1: return .int8(Int8(bitPattern: try integer()))
        case 2: return .uint16(try integer())
        case 3: return .int16(Int16(bitPattern: try integer()))
        case 4: return .uint32(try integer())
        case 5: return .int32(Int32(bitPattern: try integer()))
        case 6: return .float32(Float(bitPattern: try integer()))
        case 7: return .bool(try truth(try integer(), of: key))
        case 8: return .string(try string("the value of \"\(key)\""))
        case 9: return .array(try array(of: key))
        case 10: return .uint64(try integer())
        case 11: return .int64(Int64(bitPattern: try integer()))
        case 12: return .float64(Double(bitPattern: try integer()))
        default: throw fault("the type of \"\(key)\" is \(type), which GGUF does not have", at: start)
        }
    }

    private mutating func array(of key: String) throws -> MetadataArray {
        let start = offset
        let type: UInt32 = try integer()
        guard type != 9 else { throw fault(.unsupported, "\"\(key)\" is an array of arrays, which no loader takes", at: start) }
        guard type <= 12 else { throw fault("the elements of \"\(key)\" have type \(type), which GGUF does not have", at: start) }
        let count = try count("the length of the array \"\(key)\"")
        switch type {
        case 0: return .uint8(try integers(count))
        case 1: return .int8(try integers(count).map { Int8(bitPattern: $0) })
        case 2: return .uint16(try integers(count))
        case 3: return .int16(try integers(count).map { Int16(bitPattern: $0) })
        case 4: return .uint32(try integers(count))
        case 5: return .int32(try integers(count).map { Int32(bitPattern: $0) })
        case 6: return .float32(try integers(count).map { Float(bitPattern: $0) })
        case 7: return .bool(try integers(count).map { try truth($0, of: key) })
        case 8: return .string(try strings(count))
        case 10: return .uint64(try integers(count))
        case 11: return .int64(try integers(count).map { Int64(bitPattern: $0) })
        default: return .float64(try integers(count).map { Double(bitPattern: $0) })
        }
    }

    private func truth(_ byte: UInt8, of key: String) throws -> Bool {
        guard byte <= 1 else { throw fault("a truth value of \"\(key)\" is \(byte), not 0 or 1") }
        return byte == 1
    }
}
