extension JSONReader {
    /// Reads an integer without fraction or exponent that fits `T`.
    package mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws -> T {
        let (token, isInteger) = try numberToken()
        let isNegative = bytes[token.lowerBound] == UInt8(ascii: "-")
        var value: T = 0
        var fits = isInteger && (T.isSigned || !isNegative)
        for byte in bytes[token].dropFirst(isNegative ? 1 : 0) where fits {
            let digit = T(truncatingIfNeeded: byte &- UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            value = next
            fits = !overflow && !carry
        }
        guard fits else {
            position = token.lowerBound
            throw malformed("an integer from \(T.min) to \(T.max) is expected here")
        }
        return value
    }

    /// Reads a non-negative integer that fits `Int`.
    package mutating func count() throws -> Int {
        let start = position
        let value: Int = try integer()
        guard value >= 0 else {
            position = start
            throw malformed("the number must not be negative")
        }
        return value
    }

    /// Reads any number as the nearest floating-point value; throws if it is out of range.
    package mutating func number<T: BinaryFloatingPoint & LosslessStringConvertible>(_ type: T.Type = Double.self) throws -> T {
        if takesNonFinite, let value: T = try nonFinite() { return value }
        let (token, _) = try numberToken()
        guard let value = T(String(decoding: bytes[token], as: UTF8.self)), value.isFinite else {
            position = token.lowerBound
            throw malformed("the number is out of range")
        }
        return value
    }

    private mutating func nonFinite<T: BinaryFloatingPoint>() throws -> T? {
        if try literal("NaN") { return .nan }
        if try literal("Infinity") { return .infinity }
        return try literal("-Infinity") ? -.infinity : nil
    }

    /// The end of a number in JSON's grammar, and whether it has neither fraction nor exponent.
    func scanNumber(from start: Int) -> (end: Int, isInteger: Bool)? {
        var index = start
        func digits() -> Bool {
            let first = index
            while index < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[index] { index += 1 }
            return index > first
        }
        func skip(_ candidates: UInt8...) -> Bool {
            guard index < bytes.count, candidates.contains(bytes[index]) else { return false }
            index += 1
            return true
        }
        _ = skip(UInt8(ascii: "-"))
        let leading = index
        guard digits() else { return nil }
        if bytes[leading] == UInt8(ascii: "0"), index > leading + 1 { return nil }
        var isInteger = true
        if skip(UInt8(ascii: ".")) {
            guard digits() else { return nil }
            isInteger = false
        }
        if skip(UInt8(ascii: "e"), UInt8(ascii: "E")) {
            _ = skip(UInt8(ascii: "+"), UInt8(ascii: "-"))
            guard digits() else { return nil }
            isInteger = false
        }
        return (index, isInteger)
    }

    private mutating func numberToken() throws -> (Range<Int>, isInteger: Bool) {
        skipSpace()
        guard let (end, isInteger) = scanNumber(from: position) else { throw unexpected("a number") }
        defer { position = end }
        return (position..<end, isInteger)
    }
}
