extension CodecID {
    /// Rows of 8-bit integers.
    public static let int8Rows = CodecID(rawValue: 3)
}

extension Code.Family {
    /// An 8-bit integer per weight.
    public static let int8 = Code.Family(
        name: "int8", codec: .int8Rows, rates: 8...8, fixedBits: 0, codewordColumns: 1, isRotated: false, paddedColumns: 1, groupRows: 1)
}
