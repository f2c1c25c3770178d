package import QAMFormat

/// Checks that a model's tensors match its configuration: the one check before a model is converted or run.
extension ModelShape {
    /// What a model has in addition.
    package struct Surplus: Sendable {
        /// Tensors that the architecture lacks, or that belong to layers beyond the configured number.
        package fileprivate(set) var unknown: [String] = []
        /// Biases that transformers ignores, since config.json does not declare them, and that others add.
        fileprivate var untold: [(name: String, key: String)] = []

        package var warnings: [String] {
            guard let first = untold.first else { return [] }
            return [
                "\(Self.listed(untold.map(\.name))): transformers leaves such biases out, since \"\(first.key)\" is not true in "
                    + "\(ModelConfig.name), and others add them"
            ]
        }

        /// The first name, and the number of others.
        package static func listed(_ names: [String]) -> String {
            "\"\(names.first ?? "")\"" + (names.count > 1 ? " and \(names.count - 1) more" : "")
        }
    }

    /// Throws `malformed`, with the tensor, for the first one that is missing or has another shape.
    ///
    /// - Parameters:
    ///   - names: the convention of the tensors' names.
    ///   - loader: the loaders that should accept them.
    package func check(_ tensors: [TensorDescriptor], named names: ModelNames, for loader: ModelNames) throws -> Surplus {
        var shapes: [ExactName: [Int]] = [:]
        for tensor in tensors { shapes[ExactName(tensor.name)] = tensor.shape }
        for rule in architecture.tensors where !rule.isOfLayers { try require(rule, of: nil, in: shapes, names, loader) }
        // The loop ends at the first missing tensor, so a bogus layer count costs nothing.
        let rules = architecture.tensors.filter(\.isOfLayers)
        for layer in 0..<layers {
            for rule in rules { try require(rule, of: layer, in: shapes, names, loader) }
        }
        return surplus(tensors, names, loader)
    }

    private func require(_ rule: TensorRule, of layer: Int?, in shapes: [ExactName: [Int]], _ names: ModelNames, _ loader: ModelNames) throws {
        guard has(rule, in: layer) else { return }
        let template = rule.name(names, layer: layer)
        guard names == .huggingFace, rule.isStacked else { return try require(rule, named: template, in: shapes, names, loader) }
        for expert in 0..<(rule.shape.first.map(count) ?? 0) {
            try require(rule, named: template.replacing("*", with: String(expert)), in: shapes, names, loader)
        }
    }

    private func require(_ rule: TensorRule, named name: String, in shapes: [ExactName: [Int]], _ names: ModelNames, _ loader: ModelNames) throws {
        let weight = rule.isWhole ? name : "\(name).weight", bias = "\(name).bias"
        let wanted = names == .gguf ? rule.shape : rule.huggingFaceShape
        if let shape = shapes[ExactName(weight)] {
            try compare(shape, wanted, of: weight)
        } else if rule.gguf != TensorRule.headInGGUF {
            throw missing(weight)
        } else if names == .huggingFace, !architecture.alwaysTied, config["tie_word_embeddings"] == false, !(isBaseModel && loader == .gguf) {
            throw QAMError(
                .malformed, "the tensor is missing, and since \"tie_word_embeddings\" is false the embedding cannot take its place", at: .init(tensor: weight))
        }
        guard !rule.isWhole else { return }
        if let shape = shapes[ExactName(bias)] {
            try compare(shape, rule.biasShape(names), of: bias)
        } else if needsBias(rule) {
            throw missing(bias)
        }
    }

    /// Whether the model has no head.
    package var isBaseModel: Bool { config.isOfBaseModel }

    private func needsBias(_ rule: TensorRule) -> Bool {
        switch rule.bias {
        case .none: false
        case .required: true
        case .flagged(let key, let lenient, _): !lenient && config[key] == true
        }
    }

    private func missing(_ name: String) -> QAMError {
        QAMError(
            .malformed, "the tensor is missing: the model is incomplete, or its configuration, which tells of \(layers) layers, is another's",
            at: .init(tensor: name))
    }

    private func compare(_ shape: [Int], _ rule: [TensorRule.Extent], of name: String) throws {
        let wanted = rule.map(count)
        guard shape != wanted else { return }
        func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: " x ") }
        let onlyRowsDiffer = shape.count == wanted.count && shape.dropFirst() == wanted.dropFirst()
        let advice = rule.first.map { $0 == .vocabulary } == true && onlyRowsDiffer ? "; say in \"vocab_size\" how many tokens there are" : ""
        throw QAMError(.malformed, "the tensor is \(text(shape)), and by the model's configuration \(text(wanted))\(advice)", at: .init(tensor: name))
    }

    /// The rules of this configuration's model for a tensor.
    package func matches(_ name: String, _ names: ModelNames, _ table: TensorNames) -> [TensorNames.Match] {
        table.matches(name, names).filter { match in
            let stacked = match.rule.isStacked ? match.rule.shape.first.map(count) ?? 0 : 1
            return match.layer ?? 0 < layers && has(match.rule, in: match.layer) && match.expert ?? 0 < stacked
        }
    }

    private func surplus(_ tensors: [TensorDescriptor], _ names: ModelNames, _ loader: ModelNames) -> Surplus {
        let table = TensorNames(architecture)
        var surplus = Surplus()
        for tensor in tensors where !TensorNames.followsFromConfiguration(tensor.name, names) {
            guard let match = matches(tensor.name, names, table).first else {
                surplus.unknown.append(tensor.name)
                continue
            }
            guard match.isBias else { continue }
            switch match.rule.bias {
            case .none: surplus.unknown.append(tensor.name)
            case .required: break
            case .flagged(let key, _, let loadable):
                if loader == .gguf, !loadable { surplus.unknown.append(tensor.name) } else if config[key] != true { surplus.untold.append((tensor.name, key)) }
            }
        }
        return surplus
    }
}

extension TensorRule {
    /// That of the weight without the dimension along which a product is summed.
    package func biasShape(_ names: ModelNames) -> [Extent] {
        // A matrix that is transposed in Hugging Face has rows of inputs.
        if names == .huggingFace, case .arranged(let pieces, let shape) = change, shape.count == 2, pieces.first?.order.last == 0 { return [shape[1]] }
        return Array((names == .gguf ? shape : huggingFaceShape).prefix(1))
    }

    fileprivate var isOfLayers: Bool { huggingFace.contains("#") }

    fileprivate func name(_ names: ModelNames, layer: Int?) -> String {
        let template = names == .gguf ? gguf : huggingFace
        return layer.map { template.replacing("#", with: String($0)) } ?? template
    }
}
