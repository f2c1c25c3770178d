/// A code: a family at one of its rates, and the sizes that follow from it alone.
public struct Code: Hashable, Sendable {
    /// Codes that differ in their rate only. Each codec declares its own; `CodecRegistry.families` has all.
    public struct Family: Hashable, Sendable {
        /// `free`, `octant` and so on: what the command calls it.
        public let name: String
        public let codec: CodecID
        /// The rates that the family has, as its codec stores them: each step is one bit more a codeword.
        public let rates: ClosedRange<Int>
        /// Bits of a codeword beyond the rate.
        let fixedBits: Int
        /// The columns that a codeword stands for.
        let codewordColumns: Int
        /// Whether rows are rotated before they are coded.
        public let isRotated: Bool
        /// Symbols of a row are padded to those of a multiple of so many columns, which fill whole bytes.
        let paddedColumns: Int

        /// The codes of the family, in ascending order of their bits.
        public var codes: [Code] { rates.map { Code(family: self, rate: $0) } }

        /// The code that is a good choice: 5.5 bits, or the only one.
        public var usual: Code { codes.first { $0.bits == 5.5 } ?? Code(family: self, rate: rates.upperBound) }

        /// Whether the length of a row is a multiple of what the family's codewords stand for.
        public func fits(columns: Int) -> Bool { columns % codewordColumns == 0 }
    }

    public let family: Family
    /// As the codec stores it.
    public let rate: Int

    fileprivate init(family: Family, rate: Int) {
        self.family = family
        self.rate = rate
    }

    /// - Throws: `QAMError.malformed` for a rate that the family does not have.
    package init(_ family: Family, rate: Int) throws {
        guard family.rates.contains(rate) else { throw QAMError(.malformed, "a code of family \(family.name) has no rate \(rate)") }
        self.init(family: family, rate: rate)
    }

    /// - Throws: `QAMError.invalidArgument` for bits a weight that the family does not have.
    public init(_ family: Family, bits: Double) throws {
        guard let code = family.codes.first(where: { $0.bits == bits }) else {
            let all = family.codes.map(\.bits), first = all.first ?? 0, last = all.last ?? 0
            let choice = first == last ? "it has \(first) only" : "it has \(first) to \(last) in steps of \(1 / Double(family.codewordColumns))"
            throw QAMError(.invalidArgument, "family \(family.name) has no code of \(bits) bits a weight: \(choice)")
        }
        self = code
    }

    /// Bits a weight without gains, scales and padding.
    public var bits: Double { Double(rate + family.fixedBits) / Double(family.codewordColumns) }

    /// Bytes of one row's symbols.
    public func symbolBytes(columns: Int) -> Int {
        let padded = (columns + family.paddedColumns - 1) / family.paddedColumns * family.paddedColumns
        return padded / family.codewordColumns * (rate + family.fixedBits) / 8
    }
}
