import QAMFormat

/// A weight of bitsandbytes in 4 bits: a table's value * the scale of its block. Blocks go through the weight without regard to rows.
struct BlockwiseWeight: QuantizedWeight {
    /// The scales of the scales, if those are stored as bytes: a table's value * the outer scale, plus an offset.
    struct Nested: Sendable {
        let scales: StoredTensor
        let table: [Float]
        let tableTensor: StoredTensor
        let blockSize: Int
        let offset: Float
    }

    let name: String
    let shape: [Int]
    let storedType: DType?
    /// Two a byte, the first in the high nibble.
    private let codes: StoredTensor
    private let scales: StoredTensor
    private let table: [Float]
    private let blockSize: Int
    private let nested: Nested?
    /// What was read already: the table and the description.
    private let others: [StoredTensor]

    /// The caller has checked types and element counts: `codes` has half a byte for each weight, `scales` an element for each block. `table` has 16
    /// values, that of `nested` 256.
    init(
        name: String, shape: [Int], dtype: DType, codes: StoredTensor, scales: StoredTensor, table: [Float], blockSize: Int, nested: Nested?,
        others: [StoredTensor]
    ) {
        (self.name, self.shape, storedType, self.codes, self.scales) = (name, shape, dtype, codes, scales)
        (self.table, self.blockSize, self.nested, self.others) = (table, blockSize, nested, others)
    }

    var parts: [StoredTensor] { [codes, scales] + (nested.map { [$0.scales, $0.tableTensor] } ?? []) + others }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let elements = rows.lowerBound * columns..<rows.upperBound * columns
        let blocks = elements.lowerBound / blockSize..<(elements.upperBound - 1) / blockSize + 1
        let scales = try scales(blocks, source), first = elements.lowerBound / 2
        return try codes.withBytes(first..<(elements.upperBound + 1) / 2, of: source) { span in
            unsafe [Float](unsafeUninitializedCapacity: elements.count) { weights, count in
                count = elements.count
                unsafe span.withUnsafeBytes { bytes in
                    // The table times the block's scale.
                    var scaled = table
                    for (place, block) in blocks.enumerated() {
                        for code in 0..<16 { scaled[code] = table[code] * scales[place] }
                        var i = max(block * blockSize, elements.lowerBound)
                        let end = min((block + 1) * blockSize, elements.upperBound)
                        unsafe scaled.withUnsafeBufferPointer { scaled in
                            while i < end {
                                let byte = unsafe Int(bytes[i / 2 - first])
                                unsafe weights.initializeElement(at: i - elements.lowerBound, to: scaled[i % 2 == 0 ? byte >> 4 : byte & 15])
                                i += 1
                            }
                        }
                    }
                }
            }
        }
    }

    private func scales(_ blocks: Range<Int>, _ source: any TensorSource) throws -> [Float] {
        guard let nested else { return try scales.floats(blocks, of: source) }
        let outer = blocks.lowerBound / nested.blockSize..<(blocks.upperBound - 1) / nested.blockSize + 1
        let outerScales = try nested.scales.floats(outer, of: source)
        var values = [Float](repeating: 0, count: blocks.count)
        // A byte each.
        try scales.withBytes(blocks, of: source) { codes in
            unsafe codes.withUnsafeBytes { codes in
                for (place, block) in blocks.enumerated() {
                    values[place] = unsafe nested.table[Int(codes[place])] * outerScales[block / nested.blockSize - outer.lowerBound] + nested.offset
                }
            }
        }
        return values
    }
}

/// A weight of bitsandbytes in 8 bits: value * scale of its row / 127.
struct Int8RowWeight: QuantizedWeight {
    /// 1 / 127 as bitsandbytes multiplies by it, after the scale.
    private static let reciprocal: Float = 7.874015718698502e-3

    let name: String
    let shape: [Int]
    private let values: StoredTensor
    private let scales: StoredTensor
    /// Says the order of the elements; read already.
    private let format: StoredTensor?

    /// The caller has checked types, and that `scales` has an element for each row.
    init(values: StoredTensor, scales: StoredTensor, format: StoredTensor?) {
        (name, shape) = (values.name, values.shape)
        (self.values, self.scales, self.format) = (values, scales, format)
    }

    var parts: [StoredTensor] { [values, scales] + [format].compactMap(\.self) }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let columns = columns
        var weights = try values.floats(rows: rows, of: source)
        let scales = try scales.floats(rows, of: source)
        unsafe weights.withUnsafeMutableBufferPointer { weights in
            for row in 0..<rows.count {
                let scale = scales[row]
                for i in row * columns..<(row + 1) * columns { unsafe weights[i] = weights[i] * scale * Self.reciprocal }
            }
        }
        return weights
    }
}
