import Architectures
package import QAMFormat

/// Merges LoRA adapters into a model as it is read: W + scale * B A, summed over the adapters in float32 and rounded once to the weight's
/// type; whole tensors of an adapter replace the model's.
///
/// The sum is computed for the rows that are asked for. Each chunk counts the finite values that became infinite.
package struct MergingSource: WrappingSource {
    package let base: any TensorSource
    package let inputs: [String]
    package let warnings: [String]
    package let fingerprint: String
    private let changes: [Int: Change]

    private struct Change: Sendable {
        var updates: [LowRankUpdate] = []
        /// The tensor that takes the weight's place.
        var replacement: (source: any TensorSource, tensor: Int)?
    }

    /// The types that a sum is rounded to.
    private static let targets: Set<DType> = [.f32, .f16, .bf16]

    /// Throws `unsupported` or `malformed`, with the adapter's file and tensor, unless every tensor of the adapters has its place in the
    /// model.
    package init(_ base: any TensorSource, merging adapters: [LoRAAdapter]) throws {
        guard ModelNames.of(base) != .gguf else {
            throw QAMError(
                .unsupported,
                "adapters have Hugging Face's names of tensors, and this model those of GGUF: convert it to a folder of safetensors first, and "
                    + "merge into that")
        }
        self.base = base
        inputs = base.inputs + adapters.flatMap(\.inputs)
        warnings = base.warnings + adapters.flatMap(\.warnings)
        fingerprint = ([base.fingerprint] + adapters.map(\.fingerprint)).joined(separator: "\n")
        var targets = Targets(base)
        var changes: [Int: Change] = [:]
        for adapter in adapters {
            do {
                for replacement in adapter.replacements {
                    let place = try targets.replaced(by: adapter.source.tensors[replacement.tensor], named: replacement.name)
                    changes[place, default: Change()].replacement = (adapter.source, replacement.tensor)
                }
                for module in adapter.modules {
                    let update = LowRankUpdate(source: adapter.source, module: module, isTransposed: module.isEmbedding || adapter.config.isTransposed)
                    let place = try targets.changed(by: update)
                    changes[place, default: Change()].updates.append(update)
                }
            } catch let error as QAMError {
                throw error.inFile(adapter.inputs.first ?? "")
            }
        }
        self.changes = changes
    }

    package func origin(of tensor: Int) -> Int? { changes[tensor] == nil ? tensor : nil }

    /// Whole rows of a tensor that is changed.
    package func granule(of tensor: Int) -> Int {
        let granule = max(1, base.granule(of: tensor))
        guard changes[tensor] != nil else { return granule }
        let row = max(1, rowBytes(tensor))
        return granule / greatestCommonDivisor(granule, row) * row
    }

    private func rowBytes(_ tensor: Int) -> Int {
        guard case .raw(let dtype) = tensors[tensor].storage else { return 0 }
        return tensors[tensor].columns * dtype.blockBytes
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let change = changes[tensor], case .raw(let dtype) = tensors[tensor].storage else { return try base.read(units, of: tensor) }
        let (source, index) = change.replacement ?? (source: base, tensor: tensor)
        let size = dtype.blockBytes
        var values = try source.floats(units.lowerBound / size..<units.upperBound / size, of: index)
        let row = max(1, rowBytes(tensor))
        for update in change.updates { try update.add(units.lowerBound / row..<units.upperBound / row, to: &values) }
        return TensorChunk(streams: [try ElementConversion.bytes(values, as: dtype)], overflows: ElementConversion.overflows(values, as: dtype))
    }

    /// Finds the model's tensors by an adapter's names.
    private struct Targets {
        private let tensors: [TensorDescriptor]
        private var indices: [ExactName: Int] = [:]
        private var taken: Set<Int> = []

        init(_ base: any TensorSource) {
            tensors = base.tensors
            for (index, tensor) in tensors.enumerated() { indices[ExactName(tensor.name)] = index }
        }

        mutating func replaced(by tensor: TensorDescriptor, named name: String) throws -> Int {
            let place = try place(of: name, for: tensor.name, shape: tensor.shape)
            guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype), dtype.blockElements == 1 else {
                throw QAMError(.unsupported, "it holds no floating-point numbers", at: .init(tensor: tensor.name))
            }
            guard taken.insert(place).inserted else { throw QAMError(.unsupported, "two adapters replace \(name)", at: .init(tensor: tensor.name)) }
            return place
        }

        func changed(by update: LowRankUpdate) throws -> Int {
            try place(of: update.module.weight, for: update.source.tensors[update.module.a].name, shape: update.shape)
        }

        private func place(of name: String, for tensor: String, shape: [Int]) throws -> Int {
            func fault(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: tensor)) }
            // Adapters of models without a head, or of checkpoints without one, differ in the first part.
            let names = [name, "model." + name] + (name.hasPrefix("model.") ? [String(name.dropFirst(6))] : [])
            guard let place = names.lazy.compactMap({ indices[ExactName($0)] }).first else {
                let tied = name == TensorRule.head.huggingFace + ".weight" ? "; where the head is tied to the embedding, the model has none of its own" : ""
                throw fault("the model has no tensor \(name), which the adapter changes: it belongs to another model\(tied)")
            }
            let target = tensors[place]
            guard target.shape == shape else {
                throw fault(
                    "the adapter changes \(name) of the shape \(shape), but the model's has \(target.shape): it belongs to another model, or one of other size")
            }
            switch target.storage {
            case .raw(let dtype) where MergingSource.targets.contains(dtype): return place
            case .alias(let index): throw fault("\(name) is tied to \(tensors[index].name), and would change with it")
            case .raw(let dtype): throw fault("\(name) has the type \(dtype.name); adapters are merged into F32, F16 and BF16: choose one with --dtype first")
            case .coded, .unreadable: throw fault("\(name) is quantized: merge the adapter into the model that it was made of")
            }
        }
    }
}
