internal import QAMFormat

extension QuantizationChoice {
    /// The rotation for rows of this length; nil if the code has none.
    ///
    /// - Throws: `QAMError.invalidArgument` for rows that cannot be rotated.
    func rotation(columns: Int) throws -> Rotation? {
        try blockSize(columns: columns).map { Rotation(columns: columns, blockSize: $0, seed: seed) }
    }

    /// The encoder of a tensor with this choice.
    ///
    /// - Parameters:
    ///   - refit: as in `QuantizationPlan`.
    /// - Throws: `QAMError.invalidArgument` for a choice that does not match the columns.
    func encoder(_ coder: any GroupCoder, columns: Int, gainType: GainType, refit: Bool?) throws -> RowEncoder {
        try RowEncoder(
            coder, columns: columns, blockSize: blockSize(columns: columns), seed: seed, gainType: gainType, channelScales: channelScales,
            refit: refit)
    }

    private func blockSize(columns: Int) throws -> Int? {
        guard code.family.isRotated else { return nil }
        guard let size = Rotation.blockSize(columns: columns, cap: blockSizeCap) else {
            throw QAMError(.invalidArgument, "rows of \(columns) cannot be rotated")
        }
        return size
    }
}
