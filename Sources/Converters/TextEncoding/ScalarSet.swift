/// A set of Unicode scalars: a character class of a regular expression.
struct ScalarSet: Hashable, Sendable {
    /// General categories, a bit each, and facts of `UnicodeTable` any of which suffices.
    private var categories: UInt32
    private var properties: UInt8
    private var ranges: [ClosedRange<UInt32>]
    /// Sets that cannot be joined into the above.
    private var united: [ScalarSet] = []
    private var intersected: [ScalarSet] = []
    var isNegated = false

    init(categories: UInt32 = 0, properties: UInt8 = 0, ranges: [ClosedRange<UInt32>] = []) {
        (self.categories, self.properties, self.ranges) = (categories, properties, ranges)
    }

    init(_ scalar: Unicode.Scalar) { self.init(ranges: [scalar.value...scalar.value]) }

    static let spaces = ScalarSet(properties: UnicodeTable.space)
    static let words = ScalarSet(properties: UnicodeTable.word)
    static let digits = ScalarSet(categories: UnicodeTable.categories(named: "Nd") ?? 0)
    static let numbers = ScalarSet(categories: UnicodeTable.categories(named: "N") ?? 0)

    var inverted: ScalarSet {
        var set = self
        set.isNegated.toggle()
        return set
    }

    func union(_ other: ScalarSet) -> ScalarSet {
        guard !isNegated, intersected.isEmpty else {
            var set = ScalarSet()
            set.united = [self, other]
            return set
        }
        var set = self
        if other.isNegated || !other.intersected.isEmpty {
            set.united.append(other)
        } else {
            set.categories |= other.categories
            set.properties |= other.properties
            set.ranges += other.ranges
            set.united += other.united
        }
        return set
    }

    mutating func intersect(_ other: ScalarSet) { intersected.append(other) }

    func contains(_ value: UInt32) -> Bool {
        let facts = UnicodeTable.facts(of: value)
        var isInside = categories >> UInt32(facts & UnicodeTable.categoryBits) & 1 != 0 || properties & facts != 0
        if !isInside { isInside = ranges.contains { $0.contains(value) } || united.contains { $0.contains(value) } }
        if isInside, !intersected.isEmpty { isInside = intersected.allSatisfy { $0.contains(value) } }
        return isInside != isNegated
    }

    /// The ASCII characters in the set, a bit each.
    var ascii: (low: UInt64, high: UInt64) {
        func bits(_ start: UInt32) -> UInt64 { (0..<64 as Range<UInt32>).reduce(0) { contains(start + $1) ? $0 | 1 << UInt64($1) : $0 } }
        return (bits(0), bits(64))
    }

    /// Whether the set may hold scalars beyond ASCII.
    var mayExceedASCII: Bool {
        isNegated || categories != 0 || properties != 0 || !united.isEmpty || ranges.contains { $0.upperBound >= 0x80 }
    }
}
