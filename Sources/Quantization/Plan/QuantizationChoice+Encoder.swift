internal import QAMFormat

extension QuantizationChoice {
    /// The rotation of rows of this length; nil where the code has none.
    ///
    /// - Throws: `QAMError.invalidArgument` for rows that no rotation fits.
    func rotation(columns: Int) throws -> Rotation? {
        try blockSize(columns: columns).map { Rotation(columns: columns, blockSize: $0, seed: seed) }
    }

    /// The encoder of a tensor that is planned so.
    ///
    /// - Parameters:
    ///   - coder: that of the code.
    ///   - refit: as `QuantizationPlan` has it.
    /// - Throws: `QAMError.invalidArgument` for a choice that does not fit the columns.
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
