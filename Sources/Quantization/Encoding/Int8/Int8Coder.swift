internal import CQAMKernels.Feedback
package import QAMFormat

/// Encodes rows as 8-bit integers (spec section 16.3), in units of the gain: the row's largest magnitude / 127.
package struct Int8Coder: GroupCoder {
    package let code: Code

    package init(_ code: Code, effort: Effort) throws {
        guard code.family == .int8 else { throw QAMError(.invalidArgument, "codes of family \(code.family.name) are not integers") }
        self.code = code
    }

    package static var fitsGains: Bool { false }

    package static func gain(of row: Span<Float>, sumOfSquares: Double, as type: GainType?) -> Float {
        let gain = IntegerKernels.chosen.largest(row) / 127
        return type?.rounded(gain) ?? gain
    }

    package var codebook: CodebookRecord? { nil }
    package var unit: Float { 1 }

    /// Fed errors are small compared with the integers' range, so gains need no widening.
    package var expectedError: Double { 0 }

    package func parameters(_ layout: RowLayout, _ transform: RowTransform) -> [UInt8] { Int8Parameters(gainType: layout.gainType).bytes }

    package func decoder(_ layout: RowLayout, _ transform: RowTransform, kernels: Kernels) -> any TensorDecoder {
        Int8Decoder(layout, channelScales: transform.channelScales, IntegerKernels(kernels))
    }

    package func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, kernels: Kernels) {
        IntegerKernels(kernels).encode(z, into: &symbols, at: place)
    }

    package func decode(_ symbols: Span<UInt8>, rows: Int, into y: inout [Float], kernels: Kernels) {
        IntegerKernels(kernels).decode(symbols, into: &y)
    }

    package func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float]) {
        unsafe withUnsafePointer(to: group.part) { unsafe kernels.table.code_integers($0) }
    }
}
