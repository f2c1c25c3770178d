public import QAMFormat

/// Decides which tensors of a model are coded, and with how many bits a weight.
///
///     var recipe = Recipe(.linear, bits: 5.5)
///     try recipe.include("embed_tokens=6.5")
///     try recipe.exclude("layers\\.0\\.")
///     recipe.decision(for: tensor)
///
/// Exclusions win over inclusions, a later inclusion over an earlier one, and both over the named recipe.
public struct Recipe {
    public enum Name: String, CaseIterable, Sendable {
        /// Every matrix but embeddings, output heads and routers; the stacked matrices of experts too.
        case linear
        /// The weights of feed-forward blocks.
        case mlp
        /// Everything that can be coded, embeddings too.
        case all
    }

    public enum Decision: Hashable, Sendable {
        /// The tensor is to be coded with so many bits a weight.
        case code(bits: Double)
        /// The tensor stays as it is. `wanted` tells that it was to be coded, but cannot be.
        case leave(reason: String, wanted: Bool)
    }

    /// A pattern of tensors' names.
    private struct Rule {
        let pattern: String
        let expression: NamePattern
        let bits: Double?

        init(_ pattern: String, bits: Double?) throws {
            self.pattern = pattern
            self.bits = bits
            expression = try NamePattern(pattern)
        }

        func matches(_ name: String) -> Bool { expression.matches(name) }
    }

    private let name: Name
    private let bits: Double
    private var inclusions: [Rule] = []
    private var exclusions: [Rule] = []

    /// The rates that codebooks have.
    public static let rates: [Double] = stride(from: 2, through: 6.5, by: 0.5).map(\.self)

    /// A recipe without rules of its own. Throws `invalidArgument` for bits that no codebook has.
    public init(_ name: Name, bits: Double) throws {
        self.name = name
        self.bits = try Self.checked(bits)
    }

    /// Codes tensors whose names match a regular expression (`NamePattern`), with bits of their own after the last `=`:
    /// `embed_tokens` or `down_proj=6.5`. Throws `invalidArgument`.
    public mutating func include(_ rule: String) throws {
        guard let equals = rule.lastIndex(of: "="), let bits = Double(rule[rule.index(after: equals)...]) else {
            return inclusions.append(try Rule(rule, bits: nil))
        }
        inclusions.append(try Rule(String(rule[..<equals]), bits: try Self.checked(bits)))
    }

    /// Leaves tensors whose names match a regular expression as they are. Throws `invalidArgument`.
    public mutating func exclude(_ pattern: String) throws {
        exclusions.append(try Rule(pattern, bits: nil))
    }

    /// What becomes of a tensor that is no alias.
    public func decision(for tensor: TensorDescriptor) -> Decision {
        if let rule = exclusions.first(where: { $0.matches(tensor.name) }) {
            return .leave(reason: "excluded by --exclude \(rule.pattern)", wanted: false)
        }
        let obstacle = QuantizationPlan.obstacle(tensor)
        let inclusion = inclusions.last { $0.matches(tensor.name) }
        if inclusion == nil {
            // What is no matrix of weights was never wanted, whatever its name.
            if let obstacle, !Self.isMatrix(tensor) { return .leave(reason: obstacle, wanted: false) }
            if let reason = reasonToLeave(tensor) { return .leave(reason: "\(reason) (recipe \(name.rawValue))", wanted: false) }
        }
        if let obstacle { return .leave(reason: obstacle, wanted: true) }
        return .code(bits: inclusion?.bits ?? bits)
    }

    /// The bits that an inclusion says for a tensor of this name.
    public func ownBits(of name: String) -> Double? { inclusions.last { $0.matches(name) }?.bits }

    /// The patterns that match no tensor's name: most likely slips.
    public func unmatchedPatterns(in tensors: [TensorDescriptor]) -> [String] {
        (inclusions + exclusions).filter { rule in !tensors.contains { rule.matches($0.name) } }.map(\.pattern)
    }

    /// Why the named recipe does not want the tensor, if it does not.
    private func reasonToLeave(_ tensor: TensorDescriptor) -> String? {
        if name == .all { return nil }
        let role = TensorRole(name: tensor.name)
        switch role {
        case .embedding: return "embedding"
        case .head: return "output head"
        case .router: return "router"
        case .bias: return "bias"
        case .scale: return "scale"
        case .other where name == .mlp: return "not feed-forward"
        case .feedForward, .other: break
        }
        let isStackOfExperts = role == .feedForward && tensor.shape.count == 3
        return tensor.shape.count == 2 || isStackOfExperts ? nil : "\(tensor.shape.count) dimensions"
    }

    /// Whether a tensor is one that codes are made for; the shape may still be in the way.
    private static func isMatrix(_ tensor: TensorDescriptor) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return false }
        return tensor.shape.count >= 2 && tensor.elementCount > 0
    }

    private static func checked(_ bits: Double) throws -> Double {
        guard rates.contains(bits) else {
            throw QAMError(.invalidArgument, "\(bits) bits a weight are not to be had: 2 to 6.5 in steps of 0.5")
        }
        return bits
    }
}
