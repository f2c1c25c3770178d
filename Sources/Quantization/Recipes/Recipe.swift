internal import Architectures
package import QAMFormat

/// Decides which tensors of a model are coded, and with which codes of one family.
///
///     var recipe = try Recipe(.linear, code: Code(.octant, bits: 5.5))
///     try recipe.include("embed_tokens=6.5")
///     try recipe.exclude("layers\\.0\\.")
///     recipe.decision(for: tensor)
///
/// Exclusions take precedence over inclusions, later inclusions over earlier ones, and both over the named recipe.
public struct Recipe: Sendable {
    /// The named recipes.
    public enum Name: String, CaseIterable, Sendable {
        /// Every matrix that inference multiplies: `linear`, and embedding and output head if there are Hessians for them. Without feedback their errors would
        /// cost more than their size saves.
        case model
        /// Every matrix except embeddings, output heads and routers; includes the stacked matrices of experts.
        case linear
        /// The weights of feed-forward blocks.
        case mlp
        /// Everything that can be coded, including embeddings.
        case all
    }

    package enum Decision: Hashable, Sendable {
        /// The tensor is coded.
        case code(Code)
        /// The tensor is left unchanged. `wanted` is true if it was selected but cannot be coded.
        case leave(reason: String, wanted: Bool)
    }

    /// A pattern for tensors' names.
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

    /// A recipe without inclusions or exclusions.
    package init(_ name: Name, code: Code) {
        self.name = name
        self.code = code
    }

    /// Codes tensors whose names match a regular expression (`NamePattern`), optionally followed by `=` and their bits: `embed_tokens` or `down_proj=6.5`.
    /// Throws `invalidArgument`.
    package mutating func include(_ rule: String) throws {
        guard let equals = rule.lastIndex(of: "="), let bits = Double(rule[rule.index(after: equals)...]) else {
            return inclusions.append(try Rule(rule, code: nil))
        }
        guard code.family.codes.count > 1 else {
            throw QAMError(.invalidArgument, "family \(code.family.name) has one rate only: leave out \(rule[equals...])")
        }
        inclusions.append(try Rule(String(rule[..<equals]), code: try Code(code.family, bits: bits)))
    }

    /// Leaves tensors whose names match a regular expression unchanged. Throws `invalidArgument`.
    package mutating func exclude(_ pattern: String) throws {
        exclusions.append(try Rule(pattern, code: nil))
    }

    /// The decision about a tensor that is not an alias.
    package func decision(for tensor: TensorDescriptor) -> Decision {
        if let rule = exclusions.first(where: { $0.matches(tensor.name) }) {
            return .leave(reason: "excluded by --exclude \(rule.pattern)", wanted: false)
        }
        let obstacle = QuantizationPlan.obstacle(tensor, to: code.family)
        let inclusion = inclusions.last { $0.matches(tensor.name) }
        if inclusion == nil {
            // Anything but a matrix of weights is never selected, whatever its name.
            if let obstacle, !Self.isMatrix(tensor) { return .leave(reason: obstacle, wanted: false) }
            if let reason = reasonToLeave(tensor) { return .leave(reason: "\(reason) (recipe \(name.rawValue))", wanted: false) }
        }
        if let obstacle { return .leave(reason: obstacle, wanted: true) }
        return .code(inclusion?.code ?? code)
    }

    /// Why a tensor is left if there is no Hessian for it; nil if it is coded all the same.
    package func reasonToLeaveWithoutFeedback(_ tensor: TensorDescriptor) -> String? {
        guard name == .model, !inclusions.contains(where: { $0.matches(tensor.name) }) else { return nil }
        switch TensorRole(name: tensor.name) {
        case .embedding: return "embedding without a Hessian (recipe model)"
        case .head: return "output head without a Hessian (recipe model)"
        default: return nil
        }
    }

    /// Whether an inclusion sets the bits of a tensor with this name.
    package func hasOwnBits(_ name: String) -> Bool { inclusions.last { $0.matches(name) }?.code != nil }

    /// The patterns that match no tensor: probably typos.
    package func unmatchedPatterns(in tensors: [TensorDescriptor]) -> [String] {
        (inclusions + exclusions).filter { rule in !tensors.contains { rule.matches($0.name) } }.map(\.pattern)
    }

    /// Why the named recipe does not select the tensor; nil if it does.
    private func reasonToLeave(_ tensor: TensorDescriptor) -> String? {
        if name == .all { return nil }
        let role = TensorRole(name: tensor.name)
        switch role {
        case .embedding: if name != .model { return "embedding" }
        case .head: if name != .model { return "output head" }
        case .router: return "router"
        case .bias: return "bias"
        case .scale: return "scale"
        case .other where name == .mlp: return "not feed-forward"
        case .feedForward, .other: break
        }
        let isStackOfExperts = role == .feedForward && tensor.shape.count == 3
        return tensor.shape.count == 2 || isStackOfExperts ? nil : "\(tensor.shape.count) dimensions"
    }

    /// Whether a tensor is a floating-point matrix; its shape may still be unsuitable for the code.
    private static func isMatrix(_ tensor: TensorDescriptor) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return false }
        return tensor.shape.count >= 2 && tensor.elementCount > 0
    }
}
