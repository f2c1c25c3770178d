extension JSONReader {
    /// Reads a string. Rejects unpaired surrogates, unescaped control characters and invalid UTF-8.
    package mutating func string() throws -> String {
        try expect(UInt8(ascii: "\""), "a string")
        let start = position
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                defer { position = index + 1 }
                return try text(bytes[start..<index])
            }
            if byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            index += 1
        }
        return try escapedString(plainUpTo: index)
    }

    /// The rest of a string from its first escape.
    private mutating func escapedString(plainUpTo index: Int) throws -> String {
        var unescaped = Array(bytes[position..<index])
        position = index
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                defer { position += 1 }
                return try text(unescaped[...])
            }
            guard byte >= 0x20 else { throw malformed("a control character must be escaped") }
            position += 1
            if byte == UInt8(ascii: "\\") {
                unescaped.append(contentsOf: String(try escape()).utf8)
            } else {
                unescaped.append(byte)
            }
        }
        throw malformed("the JSON text ends inside a string")
    }

    private func text(_ utf8: ArraySlice<UInt8>) throws -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("the string is not UTF-8") }
        return text
    }

    /// The character after a backslash.
    private mutating func escape() throws -> Unicode.Scalar {
        guard position < bytes.count else { throw malformed("the JSON text ends inside a string") }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default:
            position -= 1
            throw malformed("this is not a JSON escape")
        }
    }

    /// The hexadecimal digits of `\uXXXX`, and for a high surrogate the low surrogate that must follow.
    private mutating func unicodeEscape() throws -> Unicode.Scalar {
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), position + 6 <= bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        else { throw malformed("the surrogate is not one of a pair") }
        position += 2
        let low = try hexadecimal()
        guard UTF16.isTrailSurrogate(low) else { throw malformed("the surrogate is not one of a pair") }
        return UTF16.decode(UTF16.EncodedScalar([unit, low]))
    }

    private mutating func hexadecimal() throws -> UInt16 {
        guard position + 4 <= bytes.count else { throw malformed("the JSON text ends inside a string") }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw malformed("four hexadecimal digits are expected here")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
