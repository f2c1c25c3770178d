package import QAMFormat

/// A LoRA adapter of PEFT: for some modules of a model two small matrices whose product is added to the weight, and whole tensors that
/// replace the model's own.
package struct LoRAAdapter: Sendable {
    /// W + scale * B A, with A of rank rows and B of rank columns.
    struct Module: Sendable {
        /// The name of the weight in the model.
        var weight: String
        /// The indices of the tensors.
        var a: Int
        var b: Int
        /// Whether the weight is an embedding, which is stored as (in, out).
        var isEmbedding: Bool
        var scale: AdapterConfig.Scale
    }

    /// A whole tensor: one of `modules_to_save`, a bias, or the base of an embedding.
    struct Replacement: Sendable {
        var name: String
        var tensor: Int
    }

    let config: AdapterConfig
    let source: any TensorSource
    /// In order of their tensors.
    private(set) var modules: [Module] = []
    private(set) var replacements: [Replacement] = []
    /// adapter_config.json.
    private let file: DiskFile

    /// The name of the model that it was trained for, or its folder.
    package var baseModel: String? { config.baseModel }

    package static let configurationName = AdapterConfig.name

    /// `source` are the tensors of adapter_model. Throws `malformed`, or `unsupported` with the name of what cannot be merged.
    package init(configuration: DiskFile, source: any TensorSource) throws {
        file = configuration
        self.source = source
        do { config = try AdapterConfig(configuration) } catch let error as QAMError { throw error.inFile(configuration.path) }
        do { try take() } catch let error as QAMError { throw error.inFile(source.inputs.first ?? "") }
    }

    package var inputs: [String] { source.inputs + [file.path] }
    package var warnings: [String] { source.warnings + config.warnings }
    package var fingerprint: String { "lora \(source.fingerprint) \(file.fingerprint)" }

    /// Whether these are the tensors of an adapter, and of no model.
    package static func isAdapter(_ tensors: [TensorDescriptor]) -> Bool {
        !tensors.isEmpty && tensors.allSatisfy { $0.name.hasPrefix(prefix) } && tensors.contains { Part(of: $0.name).kind != .whole }
    }

    /// The error where a model is needed.
    package var refusal: QAMError { Self.refusal(of: config.baseModel) }

    package static func refusal(of baseModel: String?) -> QAMError {
        QAMError(
            .unsupported,
            "this is a LoRA adapter\(baseModel.map { " for \($0)" } ?? ""), not a model: give the model that it belongs to, and the adapter's folder with "
                + "--lora; or convert its folder --to gguf for llama.cpp's --lora")
    }

    fileprivate static let prefix = "base_model.model."

    private mutating func take() throws {
        struct Pair {
            var a: Int?
            var b: Int?
            var isEmbedding: Bool
        }
        var pairs: [ExactName: Pair] = [:]
        var order: [String] = []
        var whole: Set<ExactName> = []
        for (index, tensor) in source.tensors.enumerated() {
            func fault(_ message: String, _ code: QAMError.Code = .unsupported) -> QAMError { QAMError(code, message, at: .init(tensor: tensor.name)) }
            let part = Part(of: tensor.name)
            let key = ExactName(part.module)
            switch part.kind {
            case .whole:
                guard whole.insert(key).inserted else { throw fault("another tensor of the adapter replaces \(part.module) too", .malformed) }
                replacements.append(Replacement(name: part.module, tensor: index))
            case .a(let isEmbedding), .b(let isEmbedding):
                if pairs[key] == nil { order.append(part.module) }
                var pair = pairs[key] ?? Pair(isEmbedding: isEmbedding)
                guard pair.isEmbedding == isEmbedding else {
                    throw fault("the module is an embedding by one of its matrices, and none by the other", .malformed)
                }
                if case .a = part.kind {
                    guard pair.a == nil else { throw fault("the module has two matrices A", .malformed) }
                    pair.a = index
                } else {
                    guard pair.b == nil else { throw fault("the module has two matrices B", .malformed) }
                    pair.b = index
                }
                pairs[key] = pair
            case .unknown(let kind): throw fault("\(kind) is not part of plain LoRA; merge the adapter with PEFT's merge_and_unload")
            }
        }
        for name in order {
            guard let pair = pairs[ExactName(name)], let a = pair.a, let b = pair.b else {
                throw QAMError(.malformed, "the module \(name) has only one of the matrices A and B")
            }
            modules.append(try module(name, a: a, b: b, isEmbedding: pair.isEmbedding))
        }
        guard !modules.isEmpty || !replacements.isEmpty else { throw QAMError(.malformed, "the adapter has no tensors") }
    }

    private func module(_ name: String, a: Int, b: Int, isEmbedding: Bool) throws -> Module {
        let scale = try config.scale(of: name)
        let first = source.tensors[a], second = source.tensors[b]
        func fault(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: first.name)) }
        for tensor in [first, second] {
            guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype), dtype.blockElements == 1 else {
                throw QAMError(.unsupported, "a matrix of LoRA holds floating-point numbers; this is of another type", at: .init(tensor: tensor.name))
            }
        }
        guard first.shape.count == 2, second.shape.count == 2 else {
            throw fault("the matrices of LoRA have two dimensions; these have \(first.shape) and \(second.shape), as for convolutions")
        }
        guard first.shape[0] == second.shape[1], first.shape[0] == scale.rank else {
            throw QAMError(
                .malformed, "A has \(first.shape[0]) rows and B \(second.shape[1]) columns, but the rank is \(scale.rank) by \(AdapterConfig.name)",
                at: .init(tensor: first.name))
        }
        return Module(weight: name + ".weight", a: a, b: b, isEmbedding: isEmbedding, scale: scale)
    }
}

/// What a tensor of an adapter is, by its name.
private struct Part {
    enum Kind: Hashable {
        case a(isEmbedding: Bool)
        case b(isEmbedding: Bool)
        /// A tensor of the model.
        case whole
        /// The part of the name that is not known.
        case unknown(String)
    }

    var kind: Kind
    /// The module's name in the model; of a whole tensor the tensor's.
    var module: String

    private static let known: [Substring: Kind] = [
        "lora_A": .a(isEmbedding: false), "lora_B": .b(isEmbedding: false), "lora_embedding_A": .a(isEmbedding: true),
        "lora_embedding_B": .b(isEmbedding: true),
    ]
    /// Parts of names that wrap a tensor of the model.
    private static let wrappers: Set<Substring> = ["modules_to_save", "base_layer"]

    init(of name: String) {
        let name = name.hasPrefix(LoRAAdapter.prefix) ? name.dropFirst(LoRAAdapter.prefix.count) : name[...]
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if let place = parts.firstIndex(where: { Self.known[$0] != nil }), let kind = Self.known[parts[place]] {
            module = parts[..<place].joined(separator: ".")
            // PEFT leaves the adapter's name out, others do not.
            let rest = parts[(place + 1)...].filter { $0 != "default" }
            let isWeight = kind == .a(isEmbedding: true) || kind == .b(isEmbedding: true) ? rest.isEmpty : rest == ["weight"]
            self.kind = isWeight ? kind : .unknown(parts[place...].joined(separator: "."))
            return
        }
        if let other = parts.first(where: Self.isOther) {
            (kind, module) = (.unknown(String(other)), String(name))
            return
        }
        var inner = parts.filter { !Self.wrappers.contains($0) }
        if let place = parts.firstIndex(of: "modules_to_save"), parts.count > place + 1, parts[place + 1] == "default" { inner.removeAll { $0 == "default" } }
        (kind, module) = (.whole, inner.joined(separator: "."))
    }

    /// Whether the part belongs to another method than LoRA.
    private static func isOther(_ part: Substring) -> Bool {
        ["lora_", "hada_", "lokr_", "ia3_", "oft_", "boft_", "vera_", "vblora_", "trainable_tokens_"].contains { part.hasPrefix($0) }
    }
}
