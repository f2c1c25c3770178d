package import QAMFormat

/// The error of a code on ideal data, for comparison with its error on a model.
package enum GaussianReference {
    /// The normalised mean squared error of a code on Gaussian weights in rows of 1,024, with the code's default gains, to about half a percent. Takes a few
    /// milliseconds, up to a second for a trellis on a slow machine; for codes of several rows together from a quarter of the samples, to about a percent.
    package static func normalizedError(_ code: Code, effort: Effort) throws -> Double {
        let columns = 1024, rows = code.family.groupRows > 1 ? 32 : 128, coder = try Coders.coder(code, effort: effort), isRotated = code.family.isRotated
        let encoder = try RowEncoder(coder, columns: columns, blockSize: isRotated ? columns : nil, seed: 0, gainType: .float32)
        var state: UInt64 = 1
        func uniform() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) * 0x1p-24 - 0.5
        }
        // With a rotation, each coordinate is a sum of 1024 uniform numbers, which is Gaussian; a sum of twelve nearly is.
        let weights = (0..<rows * columns).map { _ in isRotated ? uniform() : (0..<12).reduce(0) { sum, _ in sum + uniform() } }
        return try encoder.encode(weights).distortion?.normalized ?? 0
    }
}
