/// Facts of Unicode scalars as the reference implementation of tokenizers knows them, in one byte each.
enum UnicodeTable {
    /// Bits of a fact: the general category in the lower five, and two properties.
    static let categoryBits: UInt8 = 0x1F, space: UInt8 = 0x20, word: UInt8 = 0x40

    /// Category and properties of a scalar value; that of no scalar is unassigned. O(1); the first call of a process fills a table of the first plane.
    static func facts(of value: UInt32) -> UInt8 { value < 0x10000 ? plane[Int(value)] : computed(value) }

    /// The number of a general category, by its two letters; the order is that of `names`.
    static func categories(named name: String) -> UInt32? {
        if name == "Any" { return ~0 }
        let mask = names.enumerated().reduce(UInt32(0)) { $1.element.hasPrefix(name) ? $0 | 1 << UInt32($1.offset) : $0 }
        return mask == 0 || !(1...2).contains(name.utf8.count) ? nil : mask
    }

    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl",
        "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    private static let order: [Unicode.GeneralCategory] = [
        .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark,
        .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol, .spaceSeparator,
        .lineSeparator, .paragraphSeparator, .control, .format, .surrogate, .privateUse, .unassigned,
    ]

    private static let plane: [UInt8] = (0..<0x10000 as Range<UInt32>).map(computed)

    private static func computed(_ value: UInt32) -> UInt8 {
        guard let scalar = Unicode.Scalar(value) else { return UInt8(order.count - 1) }
        let properties = scalar.properties, category = properties.generalCategory
        var fact = UInt8(order.firstIndex(of: category) ?? order.count - 1)
        if properties.isWhitespace { fact |= space }
        switch category {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: fact |= word
        // Oniguruma counts the fractions and superscripts of Latin-1 as parts of words.
        case .otherNumber where value < 0x100: fact |= word
        default: if properties.isAlphabetic { fact |= word }
        }
        return fact
    }

    /// The script Han.
    static let han: [ClosedRange<UInt32>] = [
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B,
        0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3, 0x16FF0...0x16FF1, 0x20000...0x2A6DF,
        0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1, 0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D, 0x2F800...0x2FA1D,
        0x30000...0x3134A, 0x31350...0x323AF,
    ]

    /// What the step `Punctuation` takes for punctuation: ASCII's, and the general categories P of an early Unicode version.
    static let punctuation: ScalarSet = {
        var later = ScalarSet(ranges: laterPunctuation)
        later.isNegated = true
        var early = ScalarSet(categories: categories(named: "P") ?? 0)
        early.intersect(later)
        return early.union(ScalarSet(ranges: besidesPunctuation))
    }()

    private static let besidesPunctuation: [ClosedRange<UInt32>] = [
        0x24...0x24, 0x2B...0x2B, 0x3C...0x3E, 0x5E...0x5E, 0x60...0x60, 0x7C...0x7C, 0x7E...0x7E, 0x5BF...0x5BF, 0x60B...0x60B,
        0xF13...0xF13, 0x166D...0x166D, 0x17D7...0x17D7, 0x1AA7...0x1AA7, 0x2044...0x2044, 0x2052...0x2052, 0x2CFD...0x2CFD,
        0x2E2F...0x2E2F, 0xA8FB...0xA8FB, 0xFE53...0xFE53, 0xFE62...0xFE62, 0xFE69...0xFE69, 0xFF04...0xFF04, 0xFF0B...0xFF0B,
        0xFF3E...0xFF3E, 0xFF5C...0xFF5C, 0xFF5E...0xFF5E, 0x110BD...0x110BD, 0x111C9...0x111C9, 0x111DC...0x111DC,
    ]

    private static let laterPunctuation: [ClosedRange<UInt32>] = [
        0x61D...0x61D, 0x9FD...0x9FD, 0xA76...0xA76, 0xC77...0xC77, 0xC84...0xC84, 0x1B4E...0x1B4F, 0x1B7D...0x1B7F, 0x2E43...0x2E4F,
        0x2E52...0x2E5D, 0x10D6E...0x10D6E, 0x10EAD...0x10EAD, 0x10ED0...0x10ED0, 0x10F55...0x10F59, 0x10F86...0x10F89, 0x113D4...0x113D5,
        0x113D7...0x113D8, 0x1144B...0x1144F, 0x1145A...0x1145B, 0x1145D...0x1145D, 0x11660...0x1166C, 0x116B9...0x116B9,
        0x1183B...0x1183B, 0x11944...0x11946, 0x119E2...0x119E2, 0x11A3F...0x11A46, 0x11A9A...0x11A9C, 0x11A9E...0x11AA2,
        0x11B00...0x11B09, 0x11BE1...0x11BE1, 0x11C41...0x11C45, 0x11C70...0x11C71, 0x11EF7...0x11EF8, 0x11F43...0x11F4F,
        0x11FFF...0x11FFF, 0x12FF1...0x12FF2, 0x16D6D...0x16D6F, 0x16E97...0x16E9A, 0x16FE2...0x16FE2, 0x1E5FF...0x1E5FF,
        0x1E95E...0x1E95F,
    ]
}
