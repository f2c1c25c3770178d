import Architectures
import QAMFormat

/// Converts a Hugging Face model to the names, layout and metadata of GGUF.
///
/// Tensors keep their order, after generated ones. One-dimensional tensors and norms become F32, as loaders require; their original types,
/// and elements that F32 cannot restore, are kept in metadata (`OriginKeys`).
struct HuggingFaceToGGUF {
    private let architecture: Architecture
    private let config: ModelConfig
    private let pre: String?
    private let carryingFiles: Bool
    private let namePrefix: String?

    private var items: [SelectingSource.Item] = []
    private var assemblies: [AssemblingSource.Assembly] = []
    private var permutations: [Int: HeadPermutation] = [:]
    private var plusOne: [Int: OffsetSource.Change] = [:]
    private var origins = OriginTypes()
    private var tied: [String] = []
    private var warnings: [String] = []

    /// `namePrefix` is what the tensors' names had in place of `model.`, to be restored on the way back.
    init(_ architecture: Architecture, _ config: ModelConfig, namePrefix: String?, pre: String?, carryingFiles: Bool) {
        self.architecture = architecture
        self.config = config
        self.namePrefix = namePrefix
        self.pre = pre
        self.carryingFiles = carryingFiles
    }

    /// Throws like `ModelNames.applied`.
    func source(_ base: any TensorSource) throws -> any TensorSource {
        var copy = self
        return try copy.converted(base)
    }

    private mutating func converted(_ base: any TensorSource) throws -> any TensorSource {
        let hyperparameters = try GGUFHyperparameters(architecture, config)
        warnings += hyperparameters.warnings
        let base = try withoutFurtherLayers(base, hyperparameters.shape)
        try check(base, hyperparameters.shape)
        items = hyperparameters.made
        try add(base, dropsHead: dropsHead(of: base), hyperparameters.shape)

        let tokenizer = try Tokenizers.metadata(base.files, pre: pre)
        warnings += tokenizer.warnings
        let metadata = try metadata(of: base, hyperparameters, tokenizer: tokenizer.entries)
        let said = tokenizer.isSaid ? Tokenizers.names : [ModelConfig.name, GenerationConfig.name]
        let files = carryingFiles ? base.files : base.files.filter { !said.contains($0.name) }
        var result: any TensorSource = SelectingSource(
            try assemblies.isEmpty ? base : AssemblingSource(base, assemblies), items: items, metadata: metadata, files: files, warnings: warnings)
        if !permutations.isEmpty { result = try RowPermutingSource(result, permutations: permutations) }
        if !plusOne.isEmpty { result = try OffsetSource(result, changes: plusOne) }
        return try CastingSource(result) { GGUFTypes.isPlain($0) ? .f32 : nil }
    }

    /// The source without the layers that predict further tokens, which transformers ignores too.
    private mutating func withoutFurtherLayers(_ base: any TensorSource, _ shape: ModelShape) throws -> any TensorSource {
        guard architecture.features.contains(.furtherLayers), let value = config["num_nextn_predict_layers"] else { return base }
        let further = shape.layers..<shape.layers + Int(try config.count(value, key: "num_nextn_predict_layers"))
        let prefixes = Set(further.prefix(64).map { "model.layers.\($0)." })
        let isLeftOut = base.tensors.map { tensor in prefixes.contains { tensor.name.hasPrefix($0) } }
        guard isLeftOut.contains(true) else { return base }
        warnings.append("the layers from \(shape.layers) on, which predict further tokens, are left out: \(isLeftOut.count { $0 }) tensors")
        var places: [Int: Int] = [:]
        for index in isLeftOut.indices where !isLeftOut[index] { places[index] = places.count }
        let items = base.tensors.indices.filter { !isLeftOut[$0] }.map { index in
            var descriptor = base.tensors[index]
            guard case .alias(let target) = descriptor.storage else { return SelectingSource.Item(descriptor, .base(index)) }
            // A target that is left out lends its elements.
            descriptor.storage = places[target].map { TensorDescriptor.Storage.alias(of: $0) } ?? base.tensors[target].storage
            return SelectingSource.Item(descriptor, .base(target))
        }
        return SelectingSource(base, items: items, metadata: base.metadata, files: base.files)
    }

    /// Loaders require all known tensors in the expected shapes, and reject others.
    private mutating func check(_ base: any TensorSource, _ shape: ModelShape) throws {
        let surplus = try shape.check(base.tensors, named: .huggingFace, for: .gguf)
        guard surplus.unknown.isEmpty else {
            throw QAMError(
                .unsupported,
                "\(ModelShape.Surplus.listed(surplus.unknown)): GGUF's \(architecture.gguf) of \(shape.layers) layers has no such tensor, and loaders "
                    + "refuse the file; \"--names keep\" leaves all names as they are")
        }
        warnings += surplus.warnings
        if shape.isBaseModel, config["tie_word_embeddings"] == false, !base.tensors.contains(where: { $0.name == architecture.headName }) {
            warnings.append("the model has no head: GGUF loaders take the embedding for it, so that only its vectors are right, not its predictions")
        }
    }

    /// Whether to omit the head: if it aliases the embedding or is tied to it. One that differs from the embedding, although they are tied,
    /// is kept if loaders accept it, as in transformers; warns of it.
    private mutating func dropsHead(of source: any TensorSource) throws -> Bool {
        guard let headName = architecture.headName, let embeddingName = architecture.embeddingName,
            let head = source.tensors.firstIndex(where: { $0.name == headName }),
            let embedding = source.tensors.firstIndex(where: { $0.name == embeddingName })
        else { return false }
        let isAlias = source.tensors[head].storage == .alias(of: embedding) || source.tensors[embedding].storage == .alias(of: head)
        guard isAlias || architecture.alwaysTied || config["tie_word_embeddings"] == true else { return false }
        guard try !isAlias && !AliasingSource.areEqual(head, embedding, in: source) else { return true }
        let differs = "\(headName) differs from \(embeddingName), although they are tied"
        if architecture.alwaysTied {
            warnings.append("\(differs); it is left out, since GGUF loaders use the embedding in \(architecture.gguf), so results differ from transformers'")
        } else {
            warnings.append("\(differs); it is kept, as in transformers 5 (older versions use the embedding)")
        }
        return architecture.alwaysTied
    }

    private mutating func add(_ base: any TensorSource, dropsHead: Bool, _ shape: ModelShape) throws {
        let names = TensorNames(architecture)
        let assembly = TensorAssembly(shape, names, of: base)
        var tables = 0
        for (index, tensor) in base.tensors.enumerated() {
            if TensorNames.isTable(huggingFace: tensor.name) {
                tables += 1
                continue
            }
            if dropsHead, tensor.name == architecture.headName {
                tied.append(tensor.name)
                continue
            }
            let matches = shape.matches(tensor.name, .huggingFace, names)
            guard !matches.isEmpty else {
                try add(tensor, at: index, nil, base, shape)
                continue
            }
            for match in matches {
                guard match.rule.isStacked || match.rule.isArranged else {
                    try add(tensor, at: index, match, base, shape)
                    continue
                }
                // The first tensor of a stack stands for all.
                guard match.expert ?? 0 == 0, let (made, parts) = try assembly.toGGUF(match, of: tensor) else { continue }
                if GGUFTypes.isPlain(made.descriptor) { try record(parts, of: base) }
                items.append(SelectingSource.Item(made.descriptor, .base(base.tensors.count + assemblies.count)))
                assemblies.append(made)
            }
        }
        if tables > 0 { warnings.append("\(tables) tables of rotary frequencies or masks, which follow from the configuration, are left out") }
    }

    /// Adds a tensor of Hugging Face that is one of GGUF too.
    private mutating func add(_ tensor: TensorDescriptor, at index: Int, _ match: TensorNames.Match?, _ base: any TensorSource, _ shape: ModelShape) throws {
        var descriptor = tensor
        var source = index
        if case .alias(let target) = tensor.storage {
            source = target
            descriptor.storage = base.tensors[target].storage
        }
        descriptor.name = match?.name ?? tensor.name
        var offset: Float?
        switch match?.rule.change {
        case .interleaved(let heads): permutations[items.count] = HeadPermutation(heads: shape.count(heads), .toInterleaved)
        case .plusOne where match?.isBias == false: offset = 1
        case .some(.none), .plusOne, .arranged, nil: break
        }
        if GGUFTypes.isPlain(descriptor) || offset != nil {
            if offset != nil { plusOne[items.count] = OffsetSource.Change(offset: 1, target: .f32) }
            try origins.add(descriptor, named: tensor.name, offset: offset) { try base.payload(of: source) }
        }
        items.append(SelectingSource.Item(descriptor, .base(source)))
    }

    /// Records the types of tensors that become one in F32.
    private mutating func record(_ parts: [Int], of base: any TensorSource) throws {
        for part in parts { try origins.add(base.tensors[part], named: base.tensors[part].name, offset: nil) { try base.payload(of: part) } }
    }

    private mutating func metadata(
        of base: any TensorSource, _ hyperparameters: GGUFHyperparameters, tokenizer: [Metadata.Entry]
    ) throws -> Metadata {
        let generationText = try base.files.first { $0.name == GenerationConfig.name }.map { String(decoding: try $0.read(0..<$0.byteCount), as: UTF8.self) }
        let generation = try generationText.map { try GenerationConfig($0) }
        warnings += generation?.warnings ?? []
        var metadata = Metadata()
        metadata.set(ModelNames.architectureKey, .string(architecture.gguf))
        metadata.set("general.type", .string("model"))
        metadata.set(GeneralKeys.name, .string(GeneralKeys.name(of: base, config)))
        metadata.set(GeneralKeys.sizeLabel, .string(GeneralKeys.sizeLabel(parameters: items.reduce(0) { $0 + $1.descriptor.elementCount })))
        for entry in (generation?.entries ?? []) + hyperparameters.entries { metadata.set(entry.key, entry.value) }
        let pooling = try Pooling(base.files)
        warnings += pooling?.warnings ?? []
        if let number = pooling?.number { metadata.set("\(architecture.gguf).pooling_type", .uint32(number)) }
        GGUFTypes.setFileType(of: items.map(\.descriptor), &metadata)
        metadata.set("general.quantization_version", .uint32(2))
        for entry in tokenizer { metadata.set(entry.key, entry.value) }
        metadata.set(OriginKeys.modelType, .string(architecture.modelTypes[0]))
        if let namePrefix { metadata.set(OriginKeys.namePrefix, .string(namePrefix)) }
        metadata.set(OriginKeys.config, .string(config.document))
        if let generationText { metadata.set(OriginKeys.generationConfig, .string(generationText)) }
        for token in OriginKeys.tokens {
            if let id = metadata[token.ggml] { metadata.set(token.origin, id) }
        }
        if !tied.isEmpty { metadata.set(OriginKeys.tied, .array(.string(tied))) }
        for entry in origins.entries { metadata.set(entry.key, entry.value) }
        for entry in base.metadata.entries where metadata[entry.key] == nil || [GeneralKeys.name, GeneralKeys.sizeLabel].contains(entry.key) {
            metadata.set(entry.key, entry.value)
        }
        return metadata
    }
}
