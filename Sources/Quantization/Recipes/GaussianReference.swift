public import QAMFormat

/// What a codebook does to ideal data, to set beside what it does to a model's.
public enum GaussianReference {
    /// The normalised mean squared error of a codebook on Gaussian weights with fitted gains, to about half a percent. A few
    /// milliseconds, up to a second for a trellis on a slow machine.
    public static func normalizedError(_ codebook: Codebook) throws -> Double {
        let columns = 1024, rows = 128
        let encoder = try QAMEncoder(try CodewordSearch(codebook), columns: columns, blockSize: columns, seed: 0, gainType: .float32)
        // The rotation adds up 1024 of these uniform numbers for each coordinate, which makes it Gaussian.
        var state: UInt64 = 1
        let weights = (0..<rows * columns).map { _ -> Float in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) * 0x1p-24 - 0.5
        }
        return try encoder.encode(weights).distortion?.normalized ?? 0
    }
}
