import QAMFormat

/// A tensor of a quantized checkpoint.
struct StoredTensor: Hashable, Sendable {
    let name: String
    let shape: [Int]
    /// Of a coded tensor, the type that it had before.
    let dtype: DType
    /// The index of the payload in the source: for an alias, its target's.
    let index: Int
    /// Whether the elements were coded, as if they were weights.
    var isCoded = false

    var columns: Int { shape.last ?? 1 }
    var rows: Int { shape.dropLast().reduce(1, &*) }
    var elementCount: Int { shape.reduce(1, &*) }
    /// The bytes of a row. Zero if the rows are not whole bytes.
    var rowBytes: Int { dtype.byteCount(elements: columns) ?? 0 }

    func malformed(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(tensor: name)) }
    func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: name)) }

    /// The same payload under another shape of as many elements.
    func reshaped(_ shape: [Int]) -> StoredTensor {
        StoredTensor(name: name, shape: shape, dtype: dtype, index: index, isCoded: isCoded)
    }

    /// The same payload as elements of another type of the same size.
    func cast(to dtype: DType) -> StoredTensor { StoredTensor(name: name, shape: shape, dtype: dtype, index: index, isCoded: isCoded) }

    /// Throws `malformed` unless the type is one of `types`.
    func require(_ types: Set<DType>) throws {
        guard types.contains(dtype) else {
            throw malformed("it is \(dtype.name), but this kind of checkpoint has \(types.map(\.name).sorted().joined(separator: ", ")) here")
        }
    }

    /// Throws `malformed` unless the shape is `expected`.
    func require(shape expected: [Int], of weight: String) throws {
        guard shape == expected else { throw malformed("its shape is \(shape), but \"\(weight)\" needs \(expected)") }
    }

    /// Lends bytes of the payload to `body`.
    func withBytes<Result>(_ range: Range<Int>, of source: any TensorSource, _ body: (RawSpan) throws -> Result) throws -> Result {
        guard !range.isEmpty else { return try unsafe body([UInt8]().span.bytes) }
        return try source.withElements(range, of: index) { bytes in
            guard bytes.byteCount == range.count else { throw QAMError(.truncated, "\(range.count) bytes are not there", at: .init(tensor: name)) }
            return try body(bytes)
        }
    }

    /// Some elements as numbers, of a type with one element per block.
    func floats(_ elements: Range<Int>, of source: any TensorSource) throws -> [Float] {
        let size = dtype.blockBytes
        var values = [Float](repeating: 0, count: elements.count)
        var span = values.mutableSpan
        try withBytes(elements.lowerBound * size..<elements.upperBound * size, of: source) {
            try ElementConversion.floats($0, as: dtype, into: &span)
        }
        return values
    }

    /// The elements of some rows as numbers.
    func floats(rows: Range<Int>, of source: any TensorSource) throws -> [Float] {
        try floats(rows.lowerBound * columns..<rows.upperBound * columns, of: source)
    }

    /// All elements of a small tensor of I32 or I64. Throws `limitExceeded` for more than `limit`.
    func integers(of source: any TensorSource, limit: Int) throws -> [Int] {
        try require([.i32, .i64])
        guard elementCount <= limit else {
            throw QAMError(.limitExceeded, "it has \(elementCount) elements, but at most \(limit) are expected here", at: .init(tensor: name))
        }
        let size = dtype.blockBytes
        return try withBytes(0..<elementCount * size, of: source) { bytes in
            (0..<elementCount).map { element in
                var bits: UInt64 = 0
                for byte in 0..<size { bits |= UInt64(bytes.byte(at: element * size + byte)) << UInt64(8 * byte) }
                return size == 4 ? Int(Int32(truncatingIfNeeded: bits)) : Int(Int64(bitPattern: bits))
            }
        }
    }

    /// The elements of an index that gives each column of `weight` one of `count` groups. Throws `malformed` for others.
    func groups(_ count: Int, columns: Int, of weight: String, from source: any TensorSource) throws -> [Int] {
        let groups = try integers(of: source, limit: columns)
        if let wrong = groups.first(where: { !(0..<count).contains($0) }) {
            throw malformed("it has the group \(wrong), but \"\(weight)\" has \(count) groups")
        }
        return groups
    }

    /// Some bytes of each of some rows, row after row: for plain rows that are stored as columns.
    func panel(rows: Range<Int>, bytes: Range<Int>, of source: any TensorSource) throws -> [UInt8] {
        let rowBytes = rowBytes, width = bytes.count
        var panel: [UInt8] = []
        panel.reserveCapacity(rows.count * width)
        // Rows that are only a little wider than what is wanted of them are read together.
        let step = rowBytes - width > Self.maximumGap ? 1 : max(1, Self.panelBytes / max(1, rowBytes))
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
            let end = min(start + step, rows.upperBound)
            let first = start * rowBytes + bytes.lowerBound
            try withBytes(first..<(end - 1) * rowBytes + bytes.upperBound, of: source) { span in
                unsafe span.withUnsafeBytes { buffer in
                    for row in 0..<end - start { unsafe panel.append(contentsOf: buffer[row * rowBytes..<row * rowBytes + width]) }
                }
            }
        }
        return panel
    }

    /// A gap of more bytes between two ranges is worth a read of its own.
    private static let maximumGap = 1 << 12
    /// The bytes that are read at once for a panel.
    private static let panelBytes = 1 << 20
}

extension RawSpan {
    fileprivate func byte(at offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}
