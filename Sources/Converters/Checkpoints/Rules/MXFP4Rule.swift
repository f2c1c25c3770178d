import QAMFormat

/// MXFP4 of gpt-oss: FP4 (E2M1) in groups of 32 with an exponent each, for stacked experts.
///
/// `NAME_blocks` (U8, [experts, outputs, groups, 16]) and `NAME_scales` become NAME, [experts, inputs, outputs] as transformers has it. In
/// OpenAI's own files, `NAME.blocks` becomes NAME, [experts, outputs, inputs].
struct MXFP4Rule: DequantizationRule {
    init(_ parameters: QuantizationParameters) throws {}

    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart {
        for separator in ["_", "."] {
            if let name = tensor.name.dropping(suffix: "\(separator)scales"), tensor.dtype == .u8 || tensors["\(name)\(separator)blocks"] != nil {
                return .side
            }
            guard let name = tensor.name.dropping(suffix: "\(separator)blocks"), tensor.dtype == .u8 || tensors["\(name)\(separator)scales"] != nil else {
                continue
            }
            let scales = try tensors.require("\(name)\(separator)scales", for: name)
            try tensor.require([.u8])
            try scales.require([.u8])
            guard tensor.shape.count > 2, tensor.columns == MXFP4Weight.groupBytes else {
                throw tensor.malformed("its shape is \(tensor.shape), but MXFP4 has blocks of [..., rows, groups, \(MXFP4Weight.groupBytes)]")
            }
            try scales.require(shape: tensor.shape.dropLast(), of: name)
            return .weight(separator == "_" ? try MXFP4Weight(name: name, blocks: tensor, scales: scales) : try Self.stored(name, tensor, scales))
        }
        return .plain
    }

    /// A weight in the rows that are stored.
    private static func stored(_ name: String, _ blocks: StoredTensor, _ scales: StoredTensor) throws -> ScaledWeight {
        let (columns, overflow) = scales.columns.multipliedReportingOverflow(by: MXFP4Weight.groupSize)
        let shape: [Int] = blocks.shape.dropLast(2) + [columns]
        guard !overflow, let grid = ScaleGrid.blocks(scales, shape: shape, rows: 1, columns: MXFP4Weight.groupSize) else {
            throw scales.malformed("its shape is \(scales.shape), which has no scales")
        }
        return try ScaledWeight(name: name, shape: shape, values: blocks, .elements(.f4), scales: grid)
    }
}

/// A stack of matrices in MXFP4 whose plain rows are stored as columns.
struct MXFP4Weight: QuantizedWeight {
    static let groupSize = 32
    static let groupBytes = 16

    let name: String
    let shape: [Int]
    private let blocks: StoredTensor
    private let scales: StoredTensor
    private let values: [Float]
    private let exponents: [Float]

    /// `blocks` is [..., outputs, groups, 16] and `scales` is [..., outputs, groups], checked by the caller.
    init(name: String, blocks: StoredTensor, scales: StoredTensor) throws {
        let (inputs, overflow) = scales.columns.multipliedReportingOverflow(by: Self.groupSize)
        let outputs = blocks.shape[blocks.shape.count - 3]
        shape = blocks.shape.dropLast(3) + [inputs, outputs]
        guard !overflow, PlainWeight.elementCount(shape) != nil else {
            throw blocks.malformed("its shape is too large")
        }
        self.name = name
        // A row of blocks for each output.
        self.blocks = blocks.reshaped(blocks.shape.dropLast(2) + [scales.columns * Self.groupBytes])
        self.scales = scales
        values = try ElementConversion.floats(Array(0..<16), as: .f4).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        exponents = try ElementConversion.floats(Array(0...255), as: .f8e8m0)
    }

    var parts: [StoredTensor] { [blocks, scales] }
    var granule: Int { Self.groupSize }
    /// Each read takes a part of every stored row: the more at once, the better.
    var preferredRows: Int { .max }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let inputs = shape[shape.count - 2]
        var weights = [Float](repeating: 0, count: rows.count * columns)
        var row = rows.lowerBound
        while row < rows.upperBound {
            // The rows of one matrix.
            let matrix = row / inputs
            let end = min(rows.upperBound, (matrix + 1) * inputs)
            let groups = row % inputs / Self.groupSize..<(end - 1) % inputs / Self.groupSize + 1
            try decode(matrix, groups, from: source, into: &weights, at: (row - rows.lowerBound) * columns)
            row = end
        }
        return weights
    }

    /// Decodes groups of all outputs of a matrix.
    private func decode(_ matrix: Int, _ groups: Range<Int>, from source: any TensorSource, into weights: inout [Float], at start: Int) throws {
        let outputs = columns
        // Outputs at a time: their stored bytes, and a cache line of each plain row.
        let tile = 16
        for first in stride(from: 0, to: outputs, by: Self.panelRows) {
            let panel = first..<min(first + Self.panelRows, outputs)
            let stored = matrix * outputs + panel.lowerBound..<matrix * outputs + panel.upperBound
            let bytes = try blocks.panel(rows: stored, bytes: groups.lowerBound * Self.groupBytes..<groups.upperBound * Self.groupBytes, of: source)
            let exponents = try scales.panel(rows: stored, bytes: groups, of: source).map { self.exponents[Int($0)] }
            unsafe weights.withUnsafeMutableBufferPointer { weights in
                for tileStart in stride(from: 0, to: panel.count, by: tile) {
                    let tileEnd = min(tileStart + tile, panel.count)
                    for group in 0..<groups.count {
                        for output in tileStart..<tileEnd {
                            let place = output * groups.count + group, scale = exponents[place]
                            var target = start + group * Self.groupSize * outputs + panel.lowerBound + output
                            for i in place * Self.groupBytes..<(place + 1) * Self.groupBytes {
                                let byte = Int(bytes[i])
                                unsafe weights[target] = values[byte & 15] * scale
                                unsafe weights[target + outputs] = values[byte >> 4] * scale
                                target += 2 * outputs
                            }
                        }
                    }
                }
            }
        }
    }

    /// Outputs whose bytes are held at once.
    private static let panelRows = 1 << 10
}
