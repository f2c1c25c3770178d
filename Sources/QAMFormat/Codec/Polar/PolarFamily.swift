extension CodecID {
    /// Pairs of rotated coordinates as amplitudes and phases.
    public static let polarPairs = CodecID(rawValue: 2)
}

extension Code.Family {
    /// An amplitude and a phase for each pair, together `rate` bits.
    public static let polar = Code.Family(
        name: "polar", codec: .polarPairs, rates: 4...13, fixedBits: 0, codewordColumns: 2, isRotated: true, paddedColumns: 16, groupRows: 1)
}
