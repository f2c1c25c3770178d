import QAMFormat

/// A weight of GPTQ: (code - zero point) * scale, stored by inputs, so that a plain row is a stored column.
///
/// Scales and zero points belong to groups of inputs: to consecutive ones, or to those that a group index assigns.
struct GPTQWeight: QuantizedWeight {
    /// How zero points are stored.
    enum ZeroPoints: Hashable {
        case plain
        /// One less, modulo the number of codes.
        case oneLess
        /// One was subtracted from every zero point of a word at once: a zero point of 0 borrowed from the next one.
        case oneLessByWord
    }

    let name: String
    /// [outputs, inputs].
    let shape: [Int]
    let note: String?
    private let words: StoredTensor
    private let zeros: StoredTensor
    private let scales: StoredTensor
    private let groupIndex: StoredTensor?
    private let groupSize: Int
    private let bits: Int
    private let zeroPoints: ZeroPoints
    private let panels: PanelCache

    /// The caller has checked types and shapes: of `words` [inputs * bits / 32, outputs], `zeros` [groups, outputs * bits / 32], `scales`
    /// [groups, outputs], and `groupIndex` [inputs]. Without an index, `groupSize` inputs in sequence are a group.
    init(
        name: String, inputs: Int, words: StoredTensor, zeros: StoredTensor, scales: StoredTensor, groupIndex: StoredTensor?, groupSize: Int, bits: Int,
        zeroPoints: ZeroPoints, note: String?, panels: PanelCache
    ) {
        shape = [words.columns, inputs]
        (self.name, self.words, self.zeros, self.scales, self.groupIndex) = (name, words, zeros, scales, groupIndex)
        (self.groupSize, self.bits, self.zeroPoints, self.note, self.panels) = (groupSize, bits, zeroPoints, note, panels)
    }

    var parts: [StoredTensor] { [words, zeros, scales] + [groupIndex].compactMap(\.self) }
    var storedType: DType? { scales.dtype }

    /// What some rows need of every stored row.
    private struct Panel: Sendable {
        /// Of a row, one after the other.
        var words: [UInt32]
        /// Of a group, one row after the other.
        var scales: [Float]
        var zeros: [UInt8]
        /// The group of each input; nil where consecutive inputs are a group.
        var index: [Int32]?
    }

    /// Rows whose zero points are whole words, at any number of bits.
    private static let panelUnit = 32

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        var weights = [Float](repeating: 0, count: rows.count * columns)
        var row = rows.lowerBound
        while row < rows.upperBound {
            let (held, panel) = try panels.panel(at: row, of: words, width: words.columns, columnBytes: words.rows * 4, unit: Self.panelUnit) {
                Panel(
                    words: try words.wordColumns($0, of: source), scales: try scales.floats(columns: $0, of: source), zeros: try zeros($0, source),
                    index: try groupIndex.flatMap { try groups($0, source) })
            }
            let end = min(held.upperBound, rows.upperBound)
            dequantize(row - held.lowerBound..<end - held.lowerBound, of: panel, width: held.count, into: &weights, at: (row - rows.lowerBound) * columns)
            row = end
        }
        return weights
    }

    /// Computes some rows of a panel of `width` rows.
    private func dequantize(_ rows: Range<Int>, of panel: Panel, width: Int, into weights: inout [Float], at start: Int) {
        let inputs = columns, groups = scales.rows, height = words.rows, size = groupSize
        var codes = [UInt8](repeating: 0, count: inputs)
        // Of one row.
        var rowScales = [Float](repeating: 0, count: groups), rowZeros = rowScales
        unsafe weights.withUnsafeMutableBufferPointer { weights in
            for (place, row) in rows.enumerated() {
                unsafe panel.words.withUnsafeBufferPointer { words in
                    let column = unsafe UnsafeBufferPointer(rebasing: words[row * height..<(row + 1) * height])
                    unsafe codes.withUnsafeMutableBufferPointer { unsafe PackedCodes.unpack(column, bits: bits, into: $0) }
                }
                for group in 0..<groups {
                    rowScales[group] = panel.scales[group * width + row]
                    rowZeros[group] = Float(panel.zeros[group * width + row])
                }
                let first = start + place * inputs
                let out = unsafe UnsafeMutableBufferPointer(rebasing: weights[first..<first + inputs])
                unsafe codes.withUnsafeBufferPointer { codes in
                    if let index = panel.index {
                        unsafe Self.scale(codes, by: rowScales, rowZeros, of: index, into: out)
                    } else {
                        for group in 0..<groups {
                            let scale = rowScales[group], zero = rowZeros[group]
                            for i in group * size..<min((group + 1) * size, inputs) { unsafe out[i] = (Float(codes[i]) - zero) * scale }
                        }
                    }
                }
            }
        }
    }

    /// `index` is in the bounds of the scales.
    private static func scale(
        _ codes: UnsafeBufferPointer<UInt8>, by scales: [Float], _ zeros: [Float], of index: [Int32], into out: UnsafeMutableBufferPointer<Float>
    ) {
        unsafe scales.withUnsafeBufferPointer { scales in
            unsafe zeros.withUnsafeBufferPointer { zeros in
                unsafe index.withUnsafeBufferPointer { index in
                    for i in 0..<index.count {
                        let group = unsafe Int(index[i])
                        unsafe out[i] = (Float(codes[i]) - zeros[group]) * scales[group]
                    }
                }
            }
        }
    }

    /// The zero points of some rows, group after group.
    private func zeros(_ rows: Range<Int>, _ source: any TensorSource) throws -> [UInt8] {
        let width = rows.count, first = rows.lowerBound * bits / 32, end = (rows.upperBound * bits + 31) / 32
        let bytes = try zeros.panel(rows: 0..<zeros.rows, bytes: first * 4..<end * 4, of: source)
        let one = zeroPoints == .oneLessByWord ? stride(from: 0, to: 32, by: bits).reduce(UInt32(0)) { $0 | 1 << UInt32($1) } : 0
        var words = [UInt32](repeating: 0, count: end - first)
        var codes = [UInt8](repeating: 0, count: zeros.rows * width)
        unsafe codes.withUnsafeMutableBufferPointer { codes in
            for group in 0..<zeros.rows {
                for word in words.indices {
                    let stored = unsafe bytes.withUnsafeBytes {
                        unsafe $0.loadUnaligned(fromByteOffset: (group * words.count + word) * 4, as: UInt32.self)
                    }
                    words[word] = UInt32(littleEndian: stored) &+ one
                }
                let out = unsafe UnsafeMutableBufferPointer(rebasing: codes[group * width..<(group + 1) * width])
                unsafe words.withUnsafeBufferPointer { unsafe PackedCodes.unpack($0, bits: bits, into: out) }
            }
        }
        guard zeroPoints == .oneLess else { return codes }
        let mask = UInt8(truncatingIfNeeded: 1 << bits - 1)
        return codes.map { ($0 &+ 1) & mask }
    }

    /// The group of each input, checked. Nil for zeros throughout, which some tools write where groups are consecutive inputs.
    private func groups(_ index: StoredTensor, _ source: any TensorSource) throws -> [Int32]? {
        let groups = try index.groups(scales.rows, columns: columns, of: name, from: source)
        return groups.allSatisfy { $0 == 0 } ? nil : groups.map { Int32(truncatingIfNeeded: $0) }
    }
}
