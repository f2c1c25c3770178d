internal import Architectures
internal import Converters
internal import QAMFormat

/// Human-readable numbers and texts.
enum Format {
    /// `23.1 MB`, in powers of ten.
    static func bytes(_ count: Int) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
        guard count >= 1000 else { return "\(count) B" }
        var value = Double(count) / 1000
        var unit = 0
        // 999.95 would be printed as 1000.0.
        while value >= 999.95, unit + 1 < units.count {
            value /= 1000
            unit += 1
        }
        return "\(decimal(value, 1)) \(units[unit])"
    }

    /// `5,770,496`.
    static func count(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// A number and its noun: `1 tensor`, `83 tensors`.
    static func count(_ value: Int, _ noun: String) -> String { "\(count(value)) \(noun)\(value == 1 ? "" : "s")" }

    /// A number with `places` decimals, rounded to nearest.
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        guard abs(value) * scale < 0x1p62 else { return "\(value)" }
        let scaled = Int((abs(value) * scale).rounded())
        var digits = String(scaled)
        if digits.count <= places { digits = String(repeating: "0", count: places + 1 - digits.count) + digits }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + digits }
        return sign + digits.dropLast(places) + "." + digits.suffix(places)
    }

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

    /// `23.1 MB/s`.
    static func rate(_ count: Double, seconds: Double) -> String { "\(bytes(Int(min(max(count / seconds, 0), 0x1p60))))/s" }

    /// A diagnostic line, escaped and shortened in the middle.
    static func diagnostic(_ text: String) -> String { shortened(printable(text), to: 2000) }

    /// Sixteen hexadecimal digits.
    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// A metadata value on one line, shortened: tokenizers have megabytes.
    static func value(_ value: MetadataValue) -> String {
        let limit = 60
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
