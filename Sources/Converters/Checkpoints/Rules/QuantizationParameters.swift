import Architectures
import QAMFormat

/// The configuration of a quantized checkpoint: the object that describes it, empty if only tensors show the scheme.
struct QuantizationParameters: Hashable, Sendable {
    let value: JSONValue
    /// The file and member, for messages.
    let place: String

    init(_ value: JSONValue = [:], place: String = "config.json") {
        self.value = value
        self.place = place
    }

    subscript(key: String) -> JSONValue? { value[key].flatMap { $0 == .null ? nil : $0 } }

    /// Whether nothing is stated.
    var isEmpty: Bool { value == [:] }

    func text(_ key: String) throws -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw fault(key, "is not a string") }
        return text
    }

    /// An integer from `range`.
    func count(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = self[key] else { return nil }
        guard case .integer(let wide) = value, let count = Int(exactly: wide), range.contains(count) else {
            throw unsupported(key, value)
        }
        return count
    }

    func bool(_ key: String) throws -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let bool) = value else { throw fault(key, "must be true or false") }
        return bool
    }

    /// An array of positive integers.
    func counts(_ key: String) throws -> [Int]? {
        guard let value = self[key] else { return nil }
        guard case .array(let elements) = value else { throw fault(key, "is not an array") }
        return try elements.map { element in
            guard case .integer(let wide) = element, let count = Int(exactly: wide), count > 0 else { throw unsupported(key, value) }
            return count
        }
    }

    /// The objects among an object's members, with their keys.
    func groups(_ key: String) throws -> [QuantizationParameters]? {
        guard let value = self[key] else { return nil }
        guard case .object(let members) = value else { throw fault(key, "is not an object") }
        return members.map { QuantizationParameters($0.value, place: "\(place), \(key).\($0.key)") }
    }

    func object(_ key: String) throws -> QuantizationParameters? {
        guard let value = self[key] else { return nil }
        guard case .object = value else { throw fault(key, "is not an object") }
        return QuantizationParameters(value, place: "\(place), \(key)")
    }

    /// The error for a value that the rule does not cover.
    func unsupported(_ key: String, _ value: JSONValue) -> QAMError {
        QAMError(
            .unsupported,
            "\(place) says \(key) = \(JSONWriter.text(value, keepingNonFinite: true)), and such checkpoints cannot be dequantized here: take the original "
                + "checkpoint, or dequantize this one with the tool that made it")
    }

    private func fault(_ key: String, _ message: String) -> QAMError { QAMError(.malformed, "\(place): \"\(key)\" \(message)") }

    /// Whether the configuration leaves a module out, so that it is not quantized: by its name, a part of its path, its end, or with `*`.
    ///
    /// - Parameter keys: the members with the lists.
    func leavesOut(_ module: String, keys: [String] = ["modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules", "llm_int8_skip_modules"])
        -> Bool
    {
        keys.contains { key in
            guard case .array(let patterns)? = value[key] else { return false }
            return patterns.contains { if case .string(let pattern) = $0 { Self.matches(module, pattern) } else { false } }
        }
    }

    private static func matches(_ module: String, _ pattern: String) -> Bool {
        guard pattern.contains("*") else { return ".\(module).".contains(".\(pattern).") }
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        var rest = module[...]
        for (number, piece) in pieces.enumerated() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece), number > 0 || found.lowerBound == rest.startIndex else { return false }
            rest = rest[found.upperBound...]
        }
        return pieces.last?.isEmpty == true || module.hasSuffix(pieces.last ?? "")
    }
}
