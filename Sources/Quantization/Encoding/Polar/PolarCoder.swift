package import QAMFormat

/// Encodes pairs of rotated coordinates as amplitudes and phases (spec section 15.4).
package struct PolarCoder: GroupCoder {
    private let polar: PolarCodebook
    private let search: PolarSearch

    package init(_ code: Code, effort: Effort) throws {
        polar = try .builtIn(code)
        search = try PolarSearch(polar)
    }

    package var code: Code { polar.code }
    package var codebook: CodebookRecord? { CodebookRecord(codec: .polarPairs, bytes: polar.record) }
    package var unit: Float { 1 }

    /// Polar codes reach 2.4 times the theoretical minimum.
    package var expectedError: Double { 2.4 / Double(1 << Int(2 * code.bits)) }

    package func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> [UInt8] {
        PolarParameters(code, blockSize: try transform.requiredRotation().blockSize, gainType: layout.gainType).bytes
    }

    package func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) throws -> any TensorDecoder {
        let tables = PairTables(
            codebook: polar.table, rotation: try transform.requiredRotation(), channelScales: transform.channelScales, kernels: kernels)
        return PairDecoder(layout, tables)
    }

    package func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels) {
        search.encode(z, into: &symbols, at: place, kernels)
    }

    package func decode(_ symbols: Span<UInt8>, rows: Int, into y: inout [Float], kernels: Kernels) {
        kernels.decode(symbols, with: polar.table, into: &y, at: 0..<y.count)
    }

    package func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float]) { search.code(group, kernels) }
}
