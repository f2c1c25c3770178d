extension CodecID {
    /// Pairs of rotated coordinates coded with a codebook of the plane: QAM-W.
    public static let qamPairs = CodecID(rawValue: 1)
}

extension Code.Family {
    /// 2^rate codewords anywhere in the plane; `rate` bits per pair.
    public static let free = Code.Family(
        name: "free", codec: .qamPairs, rates: 4...13, fixedBits: 0, codewordColumns: 2, isRotated: true, paddedColumns: 16, groupRows: 1)
    /// Base points in one octant of the plane, completed by the symmetries of the square: two sign bits, a swap bit and `rate` base bits per pair. Below a rate
    /// of 8 the base bits of neighbouring pairs overlap in a trellis.
    public static let octant = Code.Family(
        name: "octant", codec: .qamPairs, rates: 1...10, fixedBits: 3, codewordColumns: 2, isRotated: true, paddedColumns: 16, groupRows: 1)
}
