extension CodecID {
    /// Rows of integers of 8 bits.
    public static let int8Rows = CodecID(rawValue: 3)
}

extension Code.Family {
    /// An integer of 8 bits for each weight.
    public static let int8 = Code.Family(name: "int8", codec: .int8Rows, rates: 8...8, fixedBits: 0, codewordColumns: 1, isRotated: false, paddedColumns: 1)
}
