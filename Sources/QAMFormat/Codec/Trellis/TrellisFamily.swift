extension CodecID {
    /// Tiles of sixteen rows coded by a computed trellis.
    public static let trellis = CodecID(rawValue: 4)
}

extension Code.Family {
    /// A computed trellis: each weight is a function of a window into a bit stream that it shares with its neighbours; `rate` bits for two weights.
    public static let trellis = Code.Family(
        name: "trellis", codec: .trellis, rates: 3...13, fixedBits: 0, codewordColumns: 2, isRotated: true, paddedColumns: 32, groupRows: 16)
}
