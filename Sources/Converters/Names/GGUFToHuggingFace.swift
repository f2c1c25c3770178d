import Architectures
import QAMFormat

/// Converts a GGUF model to the names, layout and files of Hugging Face.
///
/// Tensors keep their order; omitted copies of the embedding are restored at the end. A one-dimensional F32 tensor gets its original type:
/// the one recorded in our own files' metadata, else the matrices' type (BF16 or F16 if they are quantized), but only if widening restores
/// the same bits.
struct GGUFToHuggingFace {
    private let architecture: Architecture
    private let strict: Bool

    private var items: [SelectingSource.Item] = []
    private var permutations: [Int: HeadPermutation] = [:]
    private var minusOne: [Int: OffsetSource.Change] = [:]
    private var narrowed: [String: DType] = [:]
    private var warnings: [String] = []

    init(_ architecture: Architecture, strict: Bool) {
        self.architecture = architecture
        self.strict = strict
    }

    /// Throws like `ModelNames.applied`.
    func source(_ base: any TensorSource) throws -> any TensorSource {
        var copy = self
        return try copy.converted(base)
    }

    private mutating func converted(_ base: any TensorSource) throws -> any TensorSource {
        let matrixType = GGUFTypes.matrixType(base.tensors) ?? .f32
        let isQuantized = matrixType.blockElements > 1
        let isTied = !base.tensors.contains { $0.name == "output.weight" }
        let config = try config(of: base, dtype: isQuantized ? .f16 : matrixType, isTied: isTied)
        let shape = try ModelShape(architecture, config, ConfigValues(architecture, config))
        try check(base, shape)
        let assembled = try add(base, shape, matrixType: matrixType, fallback: isQuantized ? [.bf16, .f16] : [matrixType].filter { $0 != .f32 })
        if isTied { addTied(base.metadata) }

        let files = try files(of: base, config)
        var result: any TensorSource = SelectingSource(assembled, items: items, metadata: metadata(of: base), files: files, warnings: warnings)
        if !permutations.isEmpty { result = try RowPermutingSource(result, permutations: permutations) }
        if !minusOne.isEmpty { result = try OffsetSource(result, changes: minusOne) }
        if !narrowed.isEmpty { result = try CastingSource(result) { narrowed[$0.name] } }
        return TextModel.restored(result, prefix: base.metadata[OriginKeys.namePrefix]?.string, architecture)
    }

    /// The kept config.json if it still describes this model, else one built from the metadata.
    private mutating func config(of base: any TensorSource, dtype: DType, isTied: Bool) throws -> ModelConfig {
        let made = try HuggingFaceConfig(architecture, base, dtype: dtype, isTied: isTied)
        if let text = base.metadata[OriginKeys.config]?.string {
            do {
                return try KeptConfig(text, architecture, base, current: made).config
            } catch let error as QAMError {
                warnings.append("\"\(OriginKeys.config)\" is not used (\(error.message)); \(ModelConfig.name) is built from the other metadata")
            }
        }
        warnings += made.warnings
        return try ModelConfig(made.file)
    }

    /// Requires a model that GGUF loaders accept; tensors that transformers ignores are allowed.
    private mutating func check(_ base: any TensorSource, _ shape: ModelShape) throws {
        if case .array(.string(let tokens))? = base.metadata["tokenizer.ggml.tokens"], tokens.count != shape.vocabulary {
            throw QAMError(
                .malformed, "the tensor has \(shape.vocabulary) rows, and the tokenizer \(tokens.count) tokens, which loaders refuse",
                at: .init(tensor: "token_embd.weight"))
        }
        let surplus = try shape.check(base.tensors, named: .gguf, for: .huggingFace)
        warnings += surplus.warnings
        guard !surplus.unknown.isEmpty else { return }
        let message = "\(ModelShape.Surplus.listed(surplus.unknown)): Hugging Face's \(architecture.modelTypes[0]) of \(shape.layers) layers has no such tensor"
        guard !strict else { throw QAMError(.unsupported, message) }
        warnings.append("\(message); transformers ignores it")
    }

    private mutating func add(_ base: any TensorSource, _ shape: ModelShape, matrixType: DType, fallback: [DType]) throws -> any TensorSource {
        let names = TensorNames(architecture)
        let base = try separable(base, shape, names, matrixType)
        let assembly = TensorAssembly(shape, names, of: base)
        var outputs: [(descriptor: TensorDescriptor, source: Int, match: TensorNames.Match?)] = []
        var assemblies: [AssemblingSource.Assembly] = []
        var done: Set<String> = []
        for (index, tensor) in base.tensors.enumerated() where !TensorNames.isRotaryFactor(gguf: tensor.name) {
            let match = shape.matches(tensor.name, .gguf, names).first
            if let match, let made = try assembly.toHuggingFace(match, of: tensor) {
                for made in made where done.insert(made.descriptor.name).inserted {
                    outputs.append((made.descriptor, base.tensors.count + assemblies.count, match))
                    assemblies.append(made)
                }
                continue
            }
            var descriptor = tensor
            var source = index
            if case .alias(let target) = tensor.storage {
                source = target
                descriptor.storage = base.tensors[target].storage
            }
            descriptor.name = match?.name ?? tensor.name
            outputs.append((descriptor, source, match))
        }
        let assembled: any TensorSource = try assemblies.isEmpty ? base : AssemblingSource(base, assemblies)
        for output in outputs { try add(output.descriptor, at: output.source, output.match, of: assembled, shape, fallback: fallback) }
        return assembled
    }

    /// The source with tensors decoded whose block types do not let them be taken apart: blocks of another axis, or of several types in one tensor.
    private func separable(_ base: any TensorSource, _ shape: ModelShape, _ names: TensorNames, _ matrixType: DType) throws -> any TensorSource {
        var types: [String: Set<DType>] = [:]
        var decoded: Set<String> = []
        for tensor in base.tensors {
            guard case .raw(let dtype) = tensor.storage, let match = shape.matches(tensor.name, .gguf, names).first,
                case .arranged(let pieces, _) = match.rule.change
            else { continue }
            types[match.name, default: []].insert(dtype)
            if dtype.blockElements > 1, pieces.contains(where: { $0.order.last != $0.axes.count - 1 }) { decoded.insert(match.name) }
        }
        decoded.formUnion(types.filter { $0.value.count > 1 }.keys)
        guard !decoded.isEmpty else { return base }
        let plain = matrixType.blockElements > 1 ? .f16 : matrixType
        return try CastingSource(base) { tensor in
            shape.matches(tensor.name, .gguf, names).first.flatMap { decoded.contains($0.name) ? plain : nil }
        }
    }

    private mutating func add(
        _ descriptor: TensorDescriptor, at source: Int, _ match: TensorNames.Match?, of base: any TensorSource, _ shape: ModelShape, fallback: [DType]
    ) throws {
        var offset: Float = 0
        switch match?.rule.change {
        case .interleaved(let heads): permutations[items.count] = HeadPermutation(heads: shape.count(heads), .toHalves)
        case .plusOne where match?.isBias == false: offset = 1
        case .some(.none), .plusOne, .arranged, nil: break
        }
        var item = SelectingSource.Item(descriptor, .base(source))
        if case .raw(.f32) = descriptor.storage, descriptor.shape.count <= 1 || match.map({ GGUFTypes.isPlain(named: $0.ggufName) }) == true {
            switch try OriginTypes.origin(of: source, in: base, named: descriptor.name, offset: offset, fallback: fallback) {
            case .elements(let bytes, let dtype):
                item.payload = .made(bytes)
                item.descriptor.storage = .raw(dtype)
                offset = 0
                permutations[items.count] = nil
            case .type(let dtype):
                if offset != 0 {
                    minusOne[items.count] = OffsetSource.Change(offset: -offset, target: dtype)
                } else if dtype != .f32 {
                    narrowed[descriptor.name] = dtype
                }
            }
        } else if offset != 0 {
            minusOne[items.count] = OffsetSource.Change(offset: -offset, target: .f32)
        }
        items.append(item)
    }

    private mutating func addTied(_ metadata: Metadata) {
        guard case .array(.string(let names))? = metadata[OriginKeys.tied],
            let embedding = items.firstIndex(where: { $0.descriptor.name == architecture.embeddingName })
        else { return }
        for name in names where name == architecture.headName {
            let descriptor = TensorDescriptor(name: name, shape: items[embedding].descriptor.shape, storage: .alias(of: embedding))
            items.append(SelectingSource.Item(descriptor, .base(0)))
        }
    }

    /// The metadata not covered by config.json and the tokenizer's files.
    private func metadata(of base: any TensorSource) -> Metadata {
        let prefixes = ["\(architecture.gguf).", "tokenizer.", OriginKeys.prefix, GenerationConfig.prefix]
        var metadata = Metadata()
        for entry in base.metadata.entries where !GeneralKeys.isOfGGUF(entry.key) && !prefixes.contains(where: { entry.key.hasPrefix($0) }) {
            metadata.set(entry.key, entry.value)
        }
        // transformers requires it.
        if metadata["format"] == nil { metadata.set("format", .string("pt")) }
        return metadata
    }

    /// Embedded files, and generated ones for those that are missing, sorted by name. A tokenizer that Hugging Face's files cannot
    /// represent does not prevent conversion of the weights.
    private mutating func files(of base: any TensorSource, _ config: ModelConfig) throws -> [any EmbeddedFile] {
        var files = base.files
        var made = [(name: ModelConfig.name, bytes: Array(config.document.utf8))]
        do {
            made += try Tokenizers.files(base.metadata)
        } catch let error as QAMError where error.code == .unsupported {
            warnings.append("the tokenizer is left out: \(error.message)")
        }
        let generation = made.firstIndex { $0.name == GenerationConfig.name }
        if let bytes = try GenerationConfig.file(base.metadata, made: generation.map { made[$0].bytes }) {
            made.removeAll { $0.name == GenerationConfig.name }
            made.append((GenerationConfig.name, bytes))
        }
        for (name, bytes) in made where !files.contains(where: { $0.name == name }) { files.append(MadeFile(name: name, bytes: bytes)) }
        return files.sorted { $0.name < $1.name }
    }
}
