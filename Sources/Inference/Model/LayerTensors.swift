internal import Architectures
internal import QAMFormat

/// The tensors of a layer, or those outside of layers, by what they are for: by the names that the architecture's table has for GGUF.
struct LayerTensors {
    let configuration: TransformerConfiguration
    let weights: ModelWeights
    /// Nil for tensors outside of layers.
    let layer: Int?

    func rule(_ name: String) -> TensorRule? { configuration.shape.rule(name, in: layer) }

    /// A matrix and its bias, if there is one. Throws `malformed` if it is missing or has another shape.
    func projection(_ rule: TensorRule, rows: Int, columns: Int, expert: Int? = nil) throws -> Projection {
        let name = name(rule, expert: expert)
        return Projection(
            matrix: try weights.matrix("\(name).weight", rows: rows, columns: columns), bias: try weights.vector(ifThere: "\(name).bias", count: rows))
    }

    /// The same for a tensor that the architecture has.
    func projection(_ name: String, rows: Int, columns: Int, expert: Int? = nil) throws -> Projection {
        try projection(try required(name), rows: rows, columns: columns, expert: expert)
    }

    /// A norm's weights, or nil if the architecture has none. Throws `malformed` if they are missing.
    func norm(_ name: String, count: Int? = nil) throws -> [Float]? {
        guard let rule = rule(name) else { return nil }
        let numbers = try weights.vector("\(self.name(rule)).weight", count: count ?? configuration.shape.count(rule.shape[0]))
        guard case .plusOne = rule.change else { return numbers }
        return numbers.map { $0 + 1 }
    }

    /// A tensor whose name is whole, as a vector; nil if the architecture has none.
    func vector(_ name: String, count: Int) throws -> [Float]? { try rule(name).map { try weights.vector(self.name($0), count: count) } }

    func required(_ name: String) throws -> TensorRule {
        guard let rule = rule(name) else { throw QAMError(.unsupported, "the forward pass of this architecture needs a tensor \"\(name)\", which it lacks") }
        return rule
    }

    func name(_ rule: TensorRule, expert: Int? = nil) -> String {
        var name = rule.huggingFace
        if let layer { name = name.replacing("#", with: String(layer)) }
        if let expert { name = name.replacing("*", with: String(expert)) }
        return name
    }
}
