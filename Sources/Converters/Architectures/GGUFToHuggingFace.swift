import QAMFormat

/// Gives a GGUF model the names, layout and files of Hugging Face.
///
/// Tensors keep their order; copies of the embedding that were left out come back at the end. A one-dimensional F32 tensor gets the
/// type that it had: what the metadata of our own files say, else the matrices' type (of quantized ones BF16 or F16), and only where
/// widening that gives the same bits.
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

    /// Throws as `ModelNames.applied`.
    func source(_ base: any TensorSource) throws -> any TensorSource {
        var copy = self
        return try copy.converted(base)
    }

    private mutating func converted(_ base: any TensorSource) throws -> any TensorSource {
        let matrixType = GGUFTypes.matrixType(base.tensors) ?? .f32
        let isQuantized = matrixType.blockElements > 1
        let isTied = !base.tensors.contains { $0.name == "output.weight" }
        let config = try HuggingFaceConfig(architecture, base, dtype: isQuantized ? .f16 : matrixType, isTied: isTied)
        warnings += config.warnings
        try add(base, fallback: isQuantized ? [.bf16, .f16] : [matrixType].filter { $0 != .f32 })
        if isTied { addTied(base.metadata) }

        let files = try files(of: base, config)
        var result: any TensorSource = SelectingSource(base, items: items, metadata: metadata(of: base), files: files, warnings: warnings)
        if !permutations.isEmpty { result = try RowPermutingSource(result, permutations: permutations) }
        if !minusOne.isEmpty { result = try OffsetSource(result, changes: minusOne) }
        return narrowed.isEmpty ? result : try CastingSource(result) { narrowed[$0.name] }
    }

    private mutating func add(_ base: any TensorSource, fallback: [DType]) throws {
        let names = TensorNames(architecture)
        var unknown: [String] = []
        for (index, tensor) in base.tensors.enumerated() where !TensorNames.isRotaryFactor(gguf: tensor.name) {
            var descriptor = tensor
            var source = index
            if case .alias(let target) = tensor.storage {
                source = target
                descriptor.storage = base.tensors[target].storage
            }
            let match = names.match(gguf: tensor.name)
            if match == nil { unknown.append(tensor.name) }
            descriptor.name = match?.name ?? tensor.name
            var offset: Float = 0
            switch match?.rule.change {
            case .interleaved(let heads): permutations[items.count] = HeadPermutation(heads: architecture.heads(heads, in: base.metadata) ?? 0, .toHalves)
            case .plusOne: offset = 1
            case .some(.none), nil: break
            }
            var item = SelectingSource.Item(descriptor, .base(source))
            if case .raw(.f32) = descriptor.storage, descriptor.shape.count <= 1 {
                switch try OriginTypes.origin(of: source, in: base, named: descriptor.name, offset: offset, fallback: fallback) {
                case .elements(let bytes, let dtype):
                    item.payload = .made(bytes)
                    item.descriptor.storage = .raw(dtype)
                    offset = 0
                    permutations[items.count] = nil
                case .type(let dtype):
                    if offset != 0 { minusOne[items.count] = OffsetSource.Change(offset: -offset, target: dtype) }
                    else if dtype != .f32 { narrowed[descriptor.name] = dtype }
                }
            } else if offset != 0 {
                minusOne[items.count] = OffsetSource.Change(offset: -offset, target: .f32)
            }
            items.append(item)
        }
        if let first = unknown.first {
            let more = unknown.count > 1 ? " and \(unknown.count - 1) more" : ""
            let message = "\"\(first)\"\(more): Hugging Face's \(architecture.modelTypes[0]) has no such tensor"
            guard !strict else { throw QAMError(.unsupported, message) }
            warnings.append("\(message); kept under GGUF's name")
        }
    }

    private mutating func addTied(_ metadata: Metadata) {
        guard case .array(.string(let names))? = metadata[OriginKeys.tied],
            let embedding = items.firstIndex(where: { $0.descriptor.name == Architecture.embeddingName })
        else { return }
        for name in names where name == Architecture.headName {
            let descriptor = TensorDescriptor(name: name, shape: items[embedding].descriptor.shape, storage: .alias(of: embedding))
            items.append(SelectingSource.Item(descriptor, .base(0)))
        }
    }

    /// What config.json and the tokenizer's files do not say.
    private func metadata(of base: any TensorSource) -> Metadata {
        let prefixes = ["\(architecture.gguf).", "tokenizer.", OriginKeys.prefix]
        var metadata = Metadata()
        for entry in base.metadata.entries where !GeneralKeys.isOfGGUF(entry.key) && !prefixes.contains(where: { entry.key.hasPrefix($0) }) {
            metadata.set(entry.key, entry.value)
        }
        // transformers asks for it.
        if metadata["format"] == nil { metadata.set("format", .string("pt")) }
        return metadata
    }

    /// The files that came along, and those that are missing, in order of their names. A tokenizer that Hugging Face's files cannot
    /// say keeps nobody from the weights.
    private mutating func files(of base: any TensorSource, _ config: HuggingFaceConfig) throws -> [any EmbeddedFile] {
        var files = base.files
        var made = [(name: ModelConfig.name, bytes: config.file)]
        do {
            made += try Tokenizers.files(base.metadata)
        } catch let error as QAMError where error.code == .unsupported {
            warnings.append("the tokenizer is left out: \(error.message)")
        }
        for (name, bytes) in made where !files.contains(where: { $0.name == name }) { files.append(MadeFile(name: name, bytes: bytes)) }
        return files.sorted { $0.name < $1.name }
    }
}

/// A small file that no disk has.
struct MadeFile: EmbeddedFile {
    let name: String
    let bytes: [UInt8]

    var byteCount: Int { bytes.count }
    func read(_ range: Range<Int>) throws -> [UInt8] { Array(bytes[range]) }
}
