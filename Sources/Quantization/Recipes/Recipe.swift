public import QAMFormat

/// Decides which tensors of a model are coded, and with which codes of one family.
///
///     var recipe = try Recipe(.linear, code: Code(.octant, bits: 5.5))
///     try recipe.include("embed_tokens=6.5")
///     try recipe.exclude("layers\\.0\\.")
///     recipe.decision(for: tensor)
///
/// Exclusions win over inclusions, a later inclusion over an earlier one, and both over the named recipe.
public struct Recipe: Sendable {
    public enum Name: String, CaseIterable, Sendable {
        /// Every matrix but embeddings, output heads and routers; the stacked matrices of experts too.
        case linear
        /// The weights of feed-forward blocks.
        case mlp
        /// Everything that can be coded, embeddings too.
        case all
    }

    public enum Decision: Hashable, Sendable {
        /// The tensor is to be coded.
        case code(Code)
        /// The tensor stays as it is. `wanted` tells that it was to be coded, but cannot be.
        case leave(reason: String, wanted: Bool)
    }

    /// A pattern of tensors' names.
    private struct Rule: Sendable {
        let pattern: String
        let expression: NamePattern
        let code: Code?

        init(_ pattern: String, code: Code?) throws {
            self.pattern = pattern
            self.code = code
            expression = try NamePattern(pattern)
        }

        func matches(_ name: String) -> Bool { expression.matches(name) }
    }

    private let name: Name
    private let code: Code
    private var inclusions: [Rule] = []
    private var exclusions: [Rule] = []

    /// A recipe without rules of its own.
    public init(_ name: Name, code: Code) {
        self.name = name
        self.code = code
    }

    /// Codes tensors whose names match a regular expression (`NamePattern`), with bits of their own after the last `=`:
    /// `embed_tokens` or `down_proj=6.5`. Throws `invalidArgument`.
    public mutating func include(_ rule: String) throws {
        guard let equals = rule.lastIndex(of: "="), let bits = Double(rule[rule.index(after: equals)...]) else {
            return inclusions.append(try Rule(rule, code: nil))
        }
        guard code.family.codes.count > 1 else {
            throw QAMError(.invalidArgument, "family \(code.family.name) has one rate only: leave out \(rule[equals...])")
        }
        inclusions.append(try Rule(String(rule[..<equals]), code: try Code(code.family, bits: bits)))
    }

    /// Leaves tensors whose names match a regular expression as they are. Throws `invalidArgument`.
    public mutating func exclude(_ pattern: String) throws {
        exclusions.append(try Rule(pattern, code: nil))
    }

    /// What becomes of a tensor that is no alias.
    public func decision(for tensor: TensorDescriptor) -> Decision {
        if let rule = exclusions.first(where: { $0.matches(tensor.name) }) {
            return .leave(reason: "excluded by --exclude \(rule.pattern)", wanted: false)
        }
        let obstacle = QuantizationPlan.obstacle(tensor, to: code.family)
        let inclusion = inclusions.last { $0.matches(tensor.name) }
        if inclusion == nil {
            // What is no matrix of weights was never wanted, whatever its name.
            if let obstacle, !Self.isMatrix(tensor) { return .leave(reason: obstacle, wanted: false) }
            if let reason = reasonToLeave(tensor) { return .leave(reason: "\(reason) (recipe \(name.rawValue))", wanted: false) }
        }
        if let obstacle { return .leave(reason: obstacle, wanted: true) }
        return .code(inclusion?.code ?? code)
    }

    /// Whether an inclusion says the bits for a tensor of this name.
    public func hasOwnBits(_ name: String) -> Bool { inclusions.last { $0.matches(name) }?.code != nil }

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
}
