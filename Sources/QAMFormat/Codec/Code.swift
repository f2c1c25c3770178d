/// A code: a family and a rate, with the sizes that they determine.
public struct Code: Hashable, Sendable {
    /// Codes that differ only in their rate. Each codec declares its own; `CodecRegistry.families` has all of them.
    public struct Family: Hashable, Sendable {
        /// `free`, `octant` and so on, as on the command line.
        public let name: String
        /// The codec that the family belongs to.
        public let codec: CodecID
        /// The family's rates, as its codec stores them: each step adds one bit per codeword.
        public let rates: ClosedRange<Int>
        /// Bits per codeword in addition to the rate.
        let fixedBits: Int
        /// The columns per codeword.
        let codewordColumns: Int
        /// Whether rows are rotated before coding.
        public let isRotated: Bool
        /// A row's symbols are padded to a multiple of this many columns, which is a whole number of bytes.
        let paddedColumns: Int
        /// The number of consecutive rows that are coded together, a power of two: 1 if rows are coded independently.
        public let groupRows: Int

        /// The codes of the family, in ascending order of their bits.
        public var codes: [Code] { rates.map { Code(family: self, rate: $0) } }

        /// The default code: 5.5 bits, or the only one.
        public var usual: Code { codes.first { $0.bits == 5.5 } ?? Code(family: self, rate: rates.upperBound) }

        /// Whether rows of this length are a whole number of codewords.
        public func fits(columns: Int) -> Bool { columns % codewordColumns == 0 }
    }

    /// The family of codes.
    public let family: Family
    /// As the codec stores it.
    public let rate: Int

    fileprivate init(family: Family, rate: Int) {
        self.family = family
        self.rate = rate
    }

    /// - Throws: `QAMError.malformed` for a rate that is not in the family.
    package init(_ family: Family, rate: Int) throws {
        guard family.rates.contains(rate) else { throw QAMError(.malformed, "a code of family \(family.name) has no rate \(rate)") }
        self.init(family: family, rate: rate)
    }

    /// - Throws: `QAMError.invalidArgument` for bits per weight that are not in the family.
    public init(_ family: Family, bits: Double) throws {
        guard let code = family.codes.first(where: { $0.bits == bits }) else {
            let all = family.codes.map(\.bits), first = all.first ?? 0, last = all.last ?? 0
            let choice = first == last ? "it has \(first) only" : "it has \(first) to \(last) in steps of \(1 / Double(family.codewordColumns))"
            throw QAMError(.invalidArgument, "family \(family.name) has no code of \(bits) bits per weight: \(choice)")
        }
        self = code
    }

    /// Bits per weight, without gains, scales and padding.
    public var bits: Double { Double(rate + family.fixedBits) / Double(family.codewordColumns) }

    /// The bytes of the symbols of `Family.groupRows` rows.
    public func groupBytes(columns: Int) -> Int {
        let padded = (columns + family.paddedColumns - 1) / family.paddedColumns * family.paddedColumns
        return padded / family.codewordColumns * (rate + family.fixedBits) / 8 * family.groupRows
    }
}
