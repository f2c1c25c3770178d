public import QAMFormat

/// A .qamw file's layout as text, so that unpacking can reproduce the same file.
extension ContainerOptions {
    /// For `PackingSource`.
    public var packed: [(String, String)] {
        [("alignment", "\(alignment)"), ("metadata_capacity", "\(metadataCapacity)"), ("compress_raw", "\(compressesRaw)")]
    }

    /// Parses the result of `packed`, as returned by `UnpackingSource`; ignores other programs' keys. Throws `malformed` for invalid
    /// values.
    public init(packed: [(key: String, value: String)]) throws {
        self.init()
        for (key, value) in packed {
            switch key {
            case "alignment":
                alignment = try Self.number(key, value)
                guard (64...1 << 20).contains(alignment), alignment.nonzeroBitCount == 1 else { throw Self.fault(key, value) }
            case "metadata_capacity": metadataCapacity = try Self.number(key, value)
            case "compress_raw": compressesRaw = value == "true"
            default: break
            }
        }
    }

    private static func number(_ key: String, _ value: String) throws -> Int {
        guard let number = Int(value), (0...(1 << 30)).contains(number) else {
            throw fault(key, value)
        }
        return number
    }

    private static func fault(_ key: String, _ value: String) -> QAMError {
        QAMError(.malformed, "the packed model's \(key) is \"\(value)\"", at: .init(section: PackedNames.directory))
    }
}
