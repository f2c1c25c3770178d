internal import Architectures
internal import Converters
internal import QAMFormat

/// Texts and more numbers as people read them.
extension Format {
    /// Three significant digits and a power of ten: `9.91e-4`; zero is `0`.
    static func scientific(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : decimal(value, 0) }
        var exponent = 0
        var mantissa = abs(value)
        while mantissa >= 9.995 {
            mantissa /= 10
            exponent += 1
        }
        while mantissa < 0.9995 {
            mantissa *= 10
            exponent -= 1
        }
        return "\(value < 0 ? "-" : "")\(decimal(mantissa, 2))e\(exponent)"
    }

    /// `12.3%`; fractions too small to show are shown as less than the smallest.
    static func percent(_ part: Int, of whole: Int) -> String {
        let share = whole > 0 ? 100 * Double(part) / Double(whole) : 0
        return part > 0 && share < 0.05 ? "<0.1%" : "\(decimal(share, 1))%"
    }

    /// `0:07`, `12:34`, `1:02:03`.
    static func clock(seconds: Double) -> String {
        let total = Int(min(max(seconds, 0), 359_999).rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
    }

    /// About how long: `20 s`, `5 min`, `3.5 h`.
    static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<90: "\(decimal(max(1, seconds.rounded()), 0)) s"
        case ..<5400: "\(decimal(seconds / 60, 0)) min"
        default: "\(decimal(seconds / 3600, 1)) h"
        }
    }

    /// Dimensions as `4096 x 11008`; those of a scalar as `scalar`.
    static func shape(_ shape: [Int]) -> String {
        shape.isEmpty ? "scalar" : shape.map { "\($0)" }.joined(separator: " x ")
    }

    /// Text shortened in the middle, where names of tensors differ least.
    static func shortened(_ text: String, to width: Int) -> String {
        guard text.count > width else { return text }
        guard width > 3 else { return String(text.prefix(max(0, width))) }
        let tail = (width - 3) * 2 / 3
        return text.prefix(width - 3 - tail) + "..." + text.suffix(tail)
    }

    /// Items with commas between them, in lines no longer than `width` where an item allows.
    static func wrapped(_ items: [String], width: Int) -> [String] {
        var lines: [String] = []
        for (index, item) in items.enumerated() {
            let part = index + 1 < items.count ? item + "," : item
            if let last = lines.last, last.count + 1 + part.count <= width { lines[lines.count - 1] += " " + part } else { lines.append(part) }
        }
        return lines
    }

    /// `23.1 MB/s`.
    static func rate(_ count: Double, seconds: Double) -> String { "\(bytes(Int(min(max(count / seconds, 0), 0x1p60))))/s" }

    /// A diagnostic line, escaped and shortened in the middle.
    static func diagnostic(_ text: String) -> String { shortened(printable(text), to: 2000) }

    /// Sixteen hexadecimal digits.
    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Two hexadecimal digits for each byte.

    /// A metadata value on one line, shortened: tokenizers have megabytes.
    static func value(_ value: MetadataValue, limit: Int = 60) -> String {
        if case .string(let text) = value {
            let start = printable(String(text.prefix(limit + 1)))
            return text.utf8.count <= limit ? start : "\(start.prefix(limit))... (\(count(text.utf8.count)) bytes)"
        }
        guard case .array(let array) = value else { return value.text }
        // Vocabularies have hundreds of thousands of elements: convert only those that are shown.
        let start = printable(String(MetadataValue.array(array.prefix(limit / 2)).text.prefix(limit + 1)))
        return start.count <= limit && array.count <= limit / 2 ? start : "\(start.prefix(limit))... (\(count(array.count)) elements)"
    }
}
