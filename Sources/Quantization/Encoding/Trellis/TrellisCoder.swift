package import QAMFormat

/// Encodes tiles of sixteen rows by a search through the windows of a computed trellis (spec section 17.4).
package struct TrellisCoder: GroupCoder {
    package let code: Code
    private let window: Int
    private let search: TrellisSearch
    package let unit: Float

    package init(_ code: Code, effort: Effort) throws {
        guard code.family == .trellis else { throw QAMError(.invalidArgument, "codes of family \(code.family.name) are not those of a trellis") }
        self.code = code
        window = Self.window(code, effort)
        search = TrellisSearch(window: window, rate: code.rate)
        unit = search.step
    }

    /// The search takes time in proportion to 2^window at low rates; an error of 3 to 6% is gained by two bits.
    private static func window(_ code: Code, _ effort: Effort) -> Int {
        let wanted =
            switch effort {
            case .fast: 12
            case .normal: 14
            case .best: 16
            }
        return TrellisParameters.windows.first { $0 >= wanted && $0 >= code.rate } ?? wanted
    }

    package static var unitColumns: Int { TrellisSearch.ringColumns }
    package var codebook: CodebookRecord? { nil }

    /// The search comes within 1.1 to 1.5 times the theoretical minimum.
    package var expectedError: Double { 1.2 / Double(1 << code.rate) }

    package func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> [UInt8] { try parameters(layout, transform).bytes }

    package func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) throws -> any TensorDecoder {
        TrellisDecoder(
            layout, try parameters(layout, transform), try transform.requiredRotation(), channelScales: transform.channelScales, kernels)
    }

    private func parameters(_ layout: RowLayout, _ transform: RowTransform) throws -> TrellisParameters {
        TrellisParameters(code, window: window, blockSize: try transform.requiredRotation().blockSize, gainType: layout.gainType, step: unit)
    }

    package func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels) {
        precondition(place.count == code.groupBytes(columns: z.count / rows))
        search.encode(z, rows: rows, into: &symbols, at: place, kernels)
    }

    package func decode(_ symbols: Span<UInt8>, rows: Int, into y: inout [Float], kernels: Kernels) {
        let columns = y.count / rows
        let parameters = TrellisParameters(code, window: window, blockSize: 2, gainType: .float32, step: unit)
        var y = y.mutableSpan
        unsafe TrellisKernels(parameters, columns: columns, kernels).decode(symbols.bytes, rows: 0..<rows, into: &y, at: 0)
    }

    package func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float]) {
        search.code(group, kernels)
    }
}
