internal import QAMFormat

/// Escapes untrusted text for display on a terminal.
///
/// Control characters would control the terminal; characters that set the direction of text, join, or have no width could make two names
/// look alike. They are shown by code point.
extension Format {
    /// Text on one line.
    static func printable(_ text: String) -> String {
        escaped(text, where: isUnsafe) { $0.escaped(asASCII: true) }
    }

    /// Text of several lines whose parts are already escaped: a second line of defence.
    static func printableLines(_ text: String) -> String {
        escaped(text, where: { isUnsafe($0) && $0 != "\n" && $0 != "\t" }) { $0.escaped(asASCII: true) }
    }

    /// A model's text: characters that control the terminal are escaped, those that other scripts need are not.
    static func printableText(_ text: String) -> String {
        escaped(text, where: { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" }) { $0.escaped(asASCII: true) }
    }

    /// A JSON document: such characters occur in strings only, where JSON has escapes for them.
    static func printableJSON(_ text: String) -> String {
        escaped(text, where: isUnsafe) { scalar in
            String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }

    private static func escaped(_ text: String, where isEscaped: (Unicode.Scalar) -> Bool, _ escape: (Unicode.Scalar) -> String) -> String {
        // Most texts have nothing to escape.
        guard text.unicodeScalars.contains(where: isEscaped) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isEscaped(scalar) { result += escape(scalar) } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: scalar.properties.isDefaultIgnorableCodePoint
        }
    }
}
