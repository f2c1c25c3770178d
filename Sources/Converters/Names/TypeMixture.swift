import Architectures
import QAMFormat

/// llama.cpp's mixtures: which types it gives the tensors that quantization harms more than others.
enum TypeMixture: Hashable, Sendable {
    /// Only the head differs.
    case plain
    case q4_0, q5_0, q2_k, q2_k_s, q3_k_s, q3_k_m, q3_k_l, q4_k_s, q4_k_m, q5_k_m, iq4, mxfp4

    /// The types of a model's tensors, by index; nil for those that keep theirs.
    ///
    /// - Parameter hasStatistics: whether errors are weighted by statistics, of which some rules depend.
    /// - Throws: `QAMError.malformed` for metadata of the wrong form.
    func types(of tensors: [TensorDescriptor], _ metadata: Metadata, base: DType, hasStatistics: Bool) throws -> [DType?] {
        var rules = MixtureRules(self, base: base, facts: try MixtureFacts(tensors, metadata), hasStatistics: hasStatistics)
        var types = [DType?](repeating: nil, count: tensors.count)
        // Some rules count tensors: by layers, and by names within a layer.
        let order = tensors.indices.sorted { left, right in
            let (a, b) = (tensors[left].name, tensors[right].name)
            let layers = (MixtureFacts.layer(of: a) ?? -1, MixtureFacts.layer(of: b) ?? -1)
            return layers.0 == layers.1 ? Array(a.utf8).lexicographicallyPrecedes(Array(b.utf8)) : layers.0 < layers.1
        }
        for index in order where QuantizableTensors.contains(tensors[index], named: .gguf) { types[index] = rules.type(of: tensors[index]) }
        return types
    }
}

/// What the rules ask about a model.
struct MixtureFacts {
    let architecture: String
    let layers: Int
    let experts: Int
    /// The heads that share a key and value head; 0 if there are none.
    let queriesPerKey: Int
    let isTied: Bool
    /// The matrices of values, also as parts of others.
    let valueCount: Int

    init(_ tensors: [TensorDescriptor], _ metadata: Metadata) throws {
        guard let name = metadata[ModelNames.architectureKey]?.string else {
            throw QAMError(
                .invalidArgument, "llama.cpp's mixtures choose types by GGUF's names, which this model does not have; --pure gives all matrices one type")
        }
        func count(_ key: String) throws -> Int? { try metadata["\(name).\(key)"]?.firstCount(key: "\(name).\(key)") }
        architecture = name
        layers = try count("block_count") ?? 0
        experts = try count("expert_count") ?? 0
        let heads = try count("attention.head_count") ?? 0, keys = try count("attention.head_count_kv") ?? heads
        queriesPerKey = keys > 0 ? heads / keys : 0
        isTied = !tensors.contains { $0.name == "output.weight" }
        valueCount = tensors.count { TensorRole(of: $0.name) == .values }
    }

    /// Llama of 80 layers with fewer keys than queries and its like, whose matrices of values are small.
    var hasSmallValues: Bool {
        switch (architecture, layers) {
        case ("llama", 80): queriesPerKey != 1
        case ("qwen2", 80), ("deci", 80), ("olmo", 80), ("jais2", 68): true
        default: false
        }
    }

    /// The number in `blk.N.`.
    static func layer(of name: String) -> Int? {
        guard name.hasPrefix("blk."), case let digits = name.dropFirst(4).prefix(while: \.isNumber), name.dropFirst(4 + digits.count).first == "." else {
            return nil
        }
        return Int(digits)
    }
}

/// The kinds of tensors that the rules tell apart.
enum TensorRole {
    case embedding, head, values, keys, attentionOutput, down, other

    init(of name: String) {
        let isEmbedding = name == "token_embd.weight" || name == "per_layer_token_embd.weight"
        self =
            if name == "output.weight" {
                .head
            } else if isEmbedding {
                .embedding
            } else if ["attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight"].contains(where: name.contains) {
                .values
            } else if name.contains("attn_k.weight") {
                .keys
            } else if name.contains("attn_output.weight") {
                .attentionOutput
            } else if name.contains("ffn_down") {
                .down
            } else {
                .other
            }
    }
}

/// The rules, as they are applied tensor by tensor.
private struct MixtureRules {
    private let mixture: TypeMixture
    private let base: DType
    private let facts: MixtureFacts
    private let hasStatistics: Bool
    private var valuesSeen = 0
    private var downSeen = 0

    private static let q3_k = DType.ggml("Q3_K"), q4_k = DType.ggml("Q4_K"), q5_k = DType.ggml("Q5_K"), q6_k = DType.ggml("Q6_K")

    init(_ mixture: TypeMixture, base: DType, facts: MixtureFacts, hasStatistics: Bool) {
        (self.mixture, self.base, self.facts, self.hasStatistics) = (mixture, base, facts, hasStatistics)
    }

    mutating func type(of tensor: TensorDescriptor) -> DType {
        let role = TensorRole(of: tensor.name)
        if role == .head || role == .embedding && facts.isTied {
            if mixture == .mxfp4 || facts.architecture == "falcon" || tensor.columns % base.blockElements != 0 { return .q8_0 }
            return Self.q6_k
        }
        if mixture == .mxfp4 { return tensor.shape.count > 2 && tensor.shape[0] > 1 ? base : .q8_0 }
        switch role {
        case .values:
            defer { valuesSeen += 1 }
            return valuesType
        case .keys: return facts.experts == 8 ? .q8_0 : base
        case .attentionOutput: return outputType
        case .down:
            defer { downSeen += 1 }
            let layer = facts.experts > 1 ? MixtureFacts.layer(of: tensor.name) ?? downSeen : downSeen
            return downType(layer)
        case .head, .embedding, .other: return base
        }
    }

    /// Layers at both ends, and every third between them.
    private static func takesMoreBits(_ layer: Int, of layers: Int) -> Bool {
        layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
    }

    private var valuesType: DType {
        if facts.experts == 8 { return .q8_0 }
        let shared = facts.queriesPerKey >= 4
        var type = base
        switch mixture {
        case .q2_k: type = shared ? Self.q4_k : Self.q3_k
        case .q2_k_s where shared: type = Self.q4_k
        case .q3_k_m: type = valuesSeen < 2 ? Self.q5_k : Self.q4_k
        case .q3_k_l: type = Self.q5_k
        case .iq4 where shared: type = Self.q5_k
        case .q4_k_m, .q5_k_m: if Self.takesMoreBits(valuesSeen, of: facts.valueCount) { type = Self.q6_k }
        case .q4_k_s where valuesSeen < 4: type = Self.q5_k
        default: break
        }
        return facts.hasSmallValues && [Self.q3_k, Self.q4_k].contains(type) ? Self.q5_k : type
    }

    private func downType(_ layer: Int) -> DType {
        let layers = facts.layers, isFalcon = facts.architecture == "falcon"
        let isFirst = layer < layers / 8, more = Self.takesMoreBits(layer, of: layers)
        switch mixture {
        case .q2_k: return Self.q3_k
        case .q2_k_s where isFirst: return Self.q4_k
        case .q3_k_m: return layer < layers / 16 ? Self.q5_k : !isFalcon || more ? Self.q4_k : Self.q3_k
        case .q3_k_l: return isFalcon ? Self.q4_k : Self.q5_k
        case .q4_k_m where isFalcon: return layer < layers / 16 ? Self.q6_k : more ? Self.q5_k : Self.q4_k
        case .q4_k_m where more, .q5_k_m where more: return Self.q6_k
        case .iq4 where isFirst && !hasStatistics: return Self.q5_k
        case .q4_k_s where isFirst && !isFalcon: return Self.q5_k
        case .q4_0 where isFirst && hasStatistics: return .ggml("Q4_1")
        case .q5_0 where isFirst && hasStatistics: return .ggml("Q5_1")
        default: return base
        }
    }

    private var outputType: DType {
        if facts.architecture == "falcon" { return mixture == .q3_k_l ? Self.q4_k : base }
        if facts.experts == 8 {
            return [.q2_k, .q3_k_s, .q3_k_m, .q4_k_s, .q4_k_m, .iq4].contains(mixture) ? Self.q5_k : base
        }
        switch mixture {
        case .q2_k: return Self.q3_k
        case .q3_k_m: return Self.q4_k
        case .q3_k_l: return Self.q5_k
        default: return base
        }
    }
}
