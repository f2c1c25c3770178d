internal import QAMFormat

/// Reads the elements of a tensor as numbers, however it is stored: raw elements of any type, decoded weights, an alias's target.
struct ElementReader: Sendable {
    let name: String
    let shape: [Int]
    let elementCount: Int
    private let source: any TensorSource
    private let tensor: Int
    private let content: Content

    private enum Content {
        case raw(DType)
        case coded
    }

    /// Throws `unsupported` for unknown codecs.
    init(_ source: any TensorSource, tensor: Int) throws {
        let named = source.tensors[tensor]
        name = named.name
        shape = named.shape
        elementCount = named.elementCount
        self.source = source
        if case .alias(let target) = named.storage { self.tensor = target } else { self.tensor = tensor }
        switch source.tensors[self.tensor].storage {
        case .coded:
            try CodecRegistry.validate(source.tensors[self.tensor], shared: source.shared)
            content = .coded
        case .raw(let dtype):
            content = .raw(dtype)
        case .alias:
            throw QAMError(.malformed, "an alias of an alias", at: .init(tensor: name))
        case .unreadable(let reason):
            throw TensorDescriptor.unreadable(reason, name)
        }
    }

    /// The stored bytes.
    var byteCount: Int { source.tensors[tensor].byteCount }

    /// Reads must start at multiples of this many elements.
    var granule: Int {
        switch content {
        case .coded: max(1, shape.last ?? 1) * max(1, source.granule(of: tensor))
        case .raw(let dtype): dtype.blockElements
        }
    }

    /// Values per element.
    var valuesOfElement: Int {
        if case .raw(.c64) = content { 2 } else { 1 }
    }

    /// The type's name in its format.
    var typeName: String {
        switch source.tensors[tensor].storage {
        case .raw(let dtype): dtype.name
        case .coded(let coding): "coded \(coding.sourceType?.name ?? "from an unknown type")"
        case .unreadable(let reason): reason
        case .alias: ""
        }
    }

    /// The values of these elements; both parts of complex ones.
    func read(_ elements: Range<Int>) throws -> [Double] {
        switch content {
        case .coded:
            // A decoder is cheap compared with a piece; creating it here keeps memory independent of the number of tensors.
            let decoder = try CodecRegistry.decoder(for: tensor, of: source)
            let columns = shape.last ?? 1
            let rows = elements.lowerBound / columns..<elements.upperBound / columns
            return try decoder.decode(try source.read(rows, of: tensor), rows: rows.count).map(Double.init)
        case .raw(let dtype):
            let bytes = elements.lowerBound / dtype.blockElements * dtype.blockBytes..<elements.upperBound / dtype.blockElements * dtype.blockBytes
            return try ElementConversion.doubles(try self.bytes(bytes), as: dtype)
        }
    }

    /// Bytes of a raw tensor. The source's granule may require a larger read.
    private func bytes(_ range: Range<Int>) throws -> [UInt8] {
        let granule = max(1, source.granule(of: tensor))
        let start = range.lowerBound / granule * granule
        let end = min((range.upperBound + granule - 1) / granule * granule, source.tensors[tensor].byteCount)
        guard let bytes = try source.read(start..<end, of: tensor).streams.first, bytes.count == end - start else {
            throw QAMError(.truncated, "\(end - start) bytes are not there", at: .init(tensor: name))
        }
        return start == range.lowerBound && end == range.upperBound
            ? bytes : Array(bytes[(range.lowerBound - start)..<(range.upperBound - start)])
    }
}
