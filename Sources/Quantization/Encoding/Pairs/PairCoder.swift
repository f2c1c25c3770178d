package import QAMFormat

/// Encodes pairs of rotated coordinates with a codebook of the plane (spec section 8.6).
package struct PairCoder: GroupCoder {
    package let search: CodewordSearch

    package init(_ search: CodewordSearch) { self.search = search }

    package init(_ code: Code, effort: Effort) throws { self.init(try CodewordSearch(.builtIn(code))) }

    package var code: Code { search.codebook.code }
    package var codebook: CodebookRecord? { CodebookRecord(codec: .qamPairs, bytes: search.codebook.record) }
    package var unit: Float { search.codebook.unit }

    /// Pairs reach 1.4 times the theoretical minimum.
    package var expectedError: Double { 1.4 / Double(1 << Int(2 * code.bits)) }

    package func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> [UInt8] {
        PairParameters(search.codebook, blockSize: try transform.requiredRotation().blockSize, gainType: layout.gainType).bytes
    }

    package func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) throws -> any TensorDecoder {
        let tables = PairTables(
            codebook: search.codebook, rotation: try transform.requiredRotation(), channelScales: transform.channelScales, kernels: kernels)
        return PairDecoder(layout, tables)
    }

    package func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels) {
        kernels.encode(z, with: search, into: &symbols, at: place)
    }

    package func decode(_ symbols: Span<UInt8>, rows: Int, into y: inout [Float], kernels: Kernels) {
        kernels.decode(symbols, with: search.codebook, into: &y, at: 0..<y.count)
    }

    package func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float]) {
        kernels.code(group, with: search, work: &work)
    }
}
