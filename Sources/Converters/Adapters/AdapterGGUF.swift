import Architectures
package import QAMFormat

extension LoRAAdapter {
    /// The adapter as llama.cpp reads it: GGUF's names with `.lora_a` and `.lora_b`, in F32, and one alpha for all modules. `model` is the
    /// config.json of the model that it belongs to.
    ///
    /// Reads the matrices A of embeddings. Throws `unsupported`, with their names, for tensors that llama.cpp's adapters cannot have, and for
    /// unknown architectures.
    package func gguf(for model: any EmbeddedFile) throws -> any TensorSource {
        do {
            return try AdapterConversion(self, for: model).source(self)
        } catch let unknown as Architecture.Unknown {
            throw QAMError(.unsupported, "the adapter's tensors cannot be renamed: \(unknown.reason)", at: .init(file: inputs.first))
        } catch let error as QAMError {
            throw error.inFile(inputs.first ?? "")
        }
    }
}

private struct AdapterConversion {
    private let plain: CastingSource
    private let architecture: Architecture
    private let model: ModelConfig
    private let shape: ModelShape

    init(_ adapter: LoRAAdapter, for file: any EmbeddedFile) throws {
        plain = try CastingSource(adapter.source, to: .f32)
        (architecture, model) = try Architecture.of(huggingFace: SelectingSource(plain, items: [], metadata: Metadata(), files: [file]))
        shape = try GGUFHyperparameters(architecture, model).shape
    }

    func source(_ adapter: LoRAAdapter) throws -> any TensorSource {
        if let replacement = adapter.replacements.first {
            throw QAMError(
                .unsupported,
                "llama.cpp's adapters hold no whole tensors, such as those of modules_to_save: merge the adapter into the model with --lora, and convert that",
                at: .init(tensor: plain.tensors[replacement.tensor].name))
        }
        let alpha = Float(adapter.config.alpha)
        guard alpha != 0, alpha.isFinite, !adapter.config.isTransposed else {
            throw QAMError(.unsupported, "llama.cpp's adapters have no alpha of \(alpha) and no transposed weights: merge the adapter with --lora")
        }
        var items: [SelectingSource.Item] = []
        var factors: [Int: Float] = [:]
        var permutations: [Int: HeadPermutation] = [:]
        for module in adapter.modules {
            let (name, change) = try place(of: module)
            items.append(try first(of: module, named: name))
            // llama.cpp divides alpha by the rank of each module. What another rule or pattern gives is put into B.
            let factor = module.scale.factor / (adapter.config.alpha / Double(module.scale.rank))
            if factor != 1 { factors[module.b] = Float(factor) }
            switch change {
            case .interleaved(let heads): permutations[items.count] = HeadPermutation(heads: shape.count(heads), .toInterleaved)
            case .none: break
            case .arranged:
                throw QAMError(
                    .unsupported, "GGUF has the model's weights in another form: merge the adapter into the model with --lora, and convert that",
                    at: .init(tensor: plain.tensors[module.a].name))
            case .plusOne: throw QAMError(.unsupported, "a norm has no matrices", at: .init(tensor: plain.tensors[module.a].name))
            }
            var second = plain.tensors[module.b]
            second.name = name + ".lora_b"
            items.append(SelectingSource.Item(second, .base(module.b)))
        }
        let scaled: any TensorSource = factors.isEmpty ? plain : ScalingSource(plain, factors: factors)
        let selected = SelectingSource(scaled, items: items, metadata: metadata(adapter, alpha), files: [], warnings: adapter.config.warnings)
        return permutations.isEmpty ? selected : try RowPermutingSource(selected, permutations: permutations)
    }

    /// The weight's name and change in GGUF.
    private func place(of module: LoRAAdapter.Module) throws -> (name: String, change: TensorRule.Change) {
        func fault(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: plain.tensors[module.a].name)) }
        let names = TensorNames(architecture)
        guard let match = names.match(huggingFace: module.weight) ?? names.match(huggingFace: "model." + module.weight) else {
            throw fault("GGUF's \(architecture.gguf) has no tensor \(module.weight)")
        }
        if let layer = match.layer, layer >= shape.layers { throw fault("the model has \(shape.layers) layers: the adapter belongs to another model") }
        if match.rule.gguf == TensorRule.headInGGUF, architecture.alwaysTied || model["tie_word_embeddings"] == true {
            throw fault("the model's head is tied to the embedding, and would change with it")
        }
        let wanted = match.rule.shape.map { shape.count($0) }
        let given = LowRankUpdate(source: plain, module: module, isTransposed: module.isEmbedding).shape
        guard given == wanted else {
            throw fault("it changes a weight of the shape \(given), but the model's has \(wanted): the adapter belongs to another model")
        }
        return (match.name, match.rule.change)
    }

    /// The tensor of A. llama.cpp looks up rows of an embedding's, so that it is transposed.
    private func first(of module: LoRAAdapter.Module, named name: String) throws -> SelectingSource.Item {
        var tensor = plain.tensors[module.a]
        tensor.name = name + ".lora_a"
        guard module.isEmbedding else { return SelectingSource.Item(tensor, .base(module.a)) }
        let update = LowRankUpdate(source: plain, module: module, isTransposed: true)
        tensor.shape.reverse()
        return SelectingSource.Item(tensor, .made(try ElementConversion.bytes(update.columnsOfA(0..<tensor.shape[0]), as: .f32)))
    }

    private func metadata(_ adapter: LoRAAdapter, _ alpha: Float) -> Metadata {
        var metadata = Metadata()
        metadata.set(ModelNames.architectureKey, .string(architecture.gguf))
        metadata.set("general.type", .string("adapter"))
        metadata.set("adapter.type", .string("lora"))
        metadata.set("adapter.lora.alpha", .float32(alpha))
        metadata.set(GeneralKeys.name, .string(GeneralKeys.name(of: adapter.source)))
        if let base = adapter.config.baseModel, !Path.name(of: base).isEmpty {
            metadata.set("general.base_model.count", .uint32(1))
            metadata.set("general.base_model.0.name", .string(Path.name(of: base)))
        }
        metadata.set("general.file_type", .uint32(0))
        metadata.set("general.quantization_version", .uint32(2))
        return metadata
    }
}

/// Multiplies some F32 tensors by a factor each.
private struct ScalingSource: WrappingSource {
    let base: any TensorSource
    private let factors: [Int: Float]

    init(_ base: any TensorSource, factors: [Int: Float]) {
        self.base = base
        self.factors = factors
    }

    var fingerprint: String {
        "\(base.fingerprint) scale \(factors.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ","))"
    }

    func origin(of tensor: Int) -> Int? { factors[tensor] == nil ? tensor : nil }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        var chunk = try base.read(units, of: tensor)
        guard let factor = factors[tensor], let bytes = chunk.streams.first else { return chunk }
        let values = try ElementConversion.floats(bytes, as: .f32).map { $0 * factor }
        chunk.streams = [try ElementConversion.bytes(values, as: .f32)]
        chunk.overflows += ElementConversion.overflows(values, as: .f32)
        return chunk
    }
}
