import Architectures
package import QAMFormat

/// The types of tensors in GGUF.
package enum GGUFTypes {
    /// Whether loaders require the tensor in F32: floating-point one-dimensional tensors and norms.
    static func isPlain(_ tensor: TensorDescriptor) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return false }
        return tensor.shape.count <= 1 || isPlain(named: tensor.name)
    }

    /// Whether loaders require a tensor with this name of GGUF in F32, whatever its shape.
    static func isPlain(named name: String) -> Bool {
        if plainNames.contains(name) || name.hasSuffix("norm.weight") { return true }
        return name.hasPrefix("blk.") && plainEndings.contains(where: name.hasSuffix)
    }

    private static let plainNames: Set<String> = ["position_embd.weight", "token_types.weight"]
    /// Routers, biases of experts, and the convolutions and parameters of state space models.
    private static let plainEndings = [
        ".bias", ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight", ".ssm_conv1d.weight", ".shortconv.conv.weight", ".ssm_a", ".ssm_d",
    ]

    /// A source with weights of this plain type. One-dimensional tensors and norms become F32. Sets `general.file_type` if there is an
    /// architecture.
    package static func cast(_ source: any TensorSource, to dtype: DType) throws -> any TensorSource {
        let cast = try CastingSource(source) { isPlain($0) ? .f32 : dtype }
        var metadata = source.metadata
        if metadata[ModelNames.architectureKey] != nil { setFileType(of: cast.tensors, &metadata) }
        return described(cast, metadata, warnings: [])
    }

    /// Codes tensors as the given block types, by index, and returns a source that has some of them; the others are coded one by one.
    package typealias BlockQuantizer = (_ source: any TensorSource, _ types: [Int: DType]) throws -> any TensorSource

    /// A source with weights of ggml's block types. One-dimensional tensors and norms become F32, what llama.cpp never quantizes keeps its type, and
    /// weights whose rows are not whole blocks get a type with smaller blocks or F16, as in llama.cpp, with a warning.
    ///
    /// - Parameters:
    ///   - meanSquares: E[x²] of the inputs of a matrix, which weigh its errors; nil if unknown.
    ///   - quantizer: takes the tensors that it can code with less harm.
    /// - Throws: `QAMError.invalidArgument` for a mixture without GGUF's names, and what `meanSquares` and `quantizer` throw.
    package static func quantize(
        _ source: any TensorSource, to types: BlockTypes, meanSquares: ((TensorDescriptor) throws -> [Float]?)? = nil, by quantizer: BlockQuantizer? = nil
    ) throws -> any TensorSource {
        let names = names(of: source)
        let wanted: [DType?] =
            try types.mixture?.types(of: source.tensors, source.metadata, base: types.base, hasStatistics: meanSquares != nil)
            ?? source.tensors.map { QuantizableTensors.contains($0, named: names) ? types.base : nil }
        return try quantize(source, to: wanted, fileType: types.fileType, meanSquares: meanSquares, by: quantizer)
    }

    /// The same with a type for each tensor, by index; the others keep theirs. `general.file_type` is that of most bytes.
    package static func quantize(_ source: any TensorSource, to types: [Int: DType], by quantizer: BlockQuantizer? = nil) throws -> any TensorSource {
        var bytes: [DType: Int] = [:]
        for (tensor, type) in types { bytes[type, default: 0] += type.byteCount(elements: source.tensors[tensor].elementCount) ?? 0 }
        let most = bytes.max { ($0.value, $1.key.id) < ($1.value, $0.key.id) }?.key
        return try quantize(
            source, to: source.tensors.indices.map { types[$0] }, fileType: most.flatMap(BlockTypes.fileType), meanSquares: nil, by: quantizer)
    }

    /// The types among which those of each tensor can be chosen, by index: what llama.cpp quantizes, as far as rows are whole blocks.
    package static func candidates(_ source: any TensorSource) -> [Int: [DType]] {
        let names = names(of: source)
        var candidates: [Int: [DType]] = [:]
        for (index, tensor) in source.tensors.enumerated() where QuantizableTensors.contains(tensor, named: names) {
            let types = BlockTypes.choices.filter { tensor.columns % $0.blockElements == 0 }
            // Types of small blocks are for rows that the others do not fit.
            let large = types.filter { $0.blockElements > 32 || $0 == .q8_0 }
            candidates[index] = large.count > 1 ? large : types
        }
        return candidates.filter { !$0.value.isEmpty }
    }

    /// The type of a matrix about whose errors nothing is known: about that of llama.cpp's mixtures for embedding and head.
    package static func cautious(_ tensor: TensorDescriptor) -> DType { BlockTypes.fallback(.ggml("Q6_K"), columns: tensor.columns) }

    private static func names(of source: any TensorSource) -> ModelNames? { source.metadata[ModelNames.architectureKey] == nil ? nil : .gguf }

    private static func quantize(
        _ source: any TensorSource, to wanted: [DType?], fileType: UInt32?, meanSquares: ((TensorDescriptor) throws -> [Float]?)?, by quantizer: BlockQuantizer?
    ) throws -> any TensorSource {
        let names = names(of: source)
        var chosen: [Int: DType] = [:], typeOfName: [String: DType] = [:], fallen: [String: [String]] = [:], again: [String] = []
        for (index, tensor) in source.tensors.enumerated() {
            guard case .raw(let old) = tensor.storage, DType.floating.contains(old), !isPlain(tensor), let wanted = wanted[index] else { continue }
            let type = BlockTypes.fallback(wanted, columns: tensor.columns)
            if type != wanted {
                let outcome =
                    type == .f16
                    ? "\(DType.q8_0.blockElements) stay F16" : "\(wanted.blockElements) become \(type.name), not \(wanted.name)"
                fallen[outcome, default: []].append(tensor.name)
            }
            if old.blockElements > 1, old != type { again.append(tensor.name) }
            chosen[index] = type
            typeOfName[tensor.name] = type
        }
        let coded = try quantizer?(source, chosen) ?? source

        var unweighted: [String] = []
        let cast = try CastingSource(coded) { tensor in
            guard let values = try meanSquares?(tensor), let weights = try ColumnWeights(values) else {
                if meanSquares != nil, TensorRole(of: tensor.name) != .embedding { unweighted.append(tensor.name) }
                return nil
            }
            return weights
        } target: { tensor in
            isPlain(tensor) ? .f32 : typeOfName[tensor.name]
        }
        var warnings = fallen.sorted { $0.key < $1.key }.map { "rows that are not a multiple of \($0.key): \(Format.list($0.value))" }
        if !again.isEmpty {
            warnings.append("quantized a second time, which adds to their errors; take the original model if you have it: \(Format.list(again))")
        }
        if !unweighted.isEmpty { warnings.append("no statistics of their inputs, so that all columns count equally: \(Format.list(unweighted))") }
        var metadata = source.metadata
        if names == .gguf {
            if let fileType { metadata.set("general.file_type", .uint32(fileType)) } else { metadata.remove("general.file_type") }
            metadata.set("general.quantization_version", .uint32(quantizationVersion))
        }
        return described(cast, metadata, warnings: warnings)
    }

    /// ggml's version of the block types' layouts.
    private static let quantizationVersion: UInt32 = 2

    private static func described(_ source: CastingSource, _ metadata: Metadata, warnings: [String]) -> any TensorSource {
        let items = source.tensors.enumerated().map { SelectingSource.Item($1, .base($0)) }
        return SelectingSource(source, items: items, metadata: metadata, files: source.files, warnings: warnings)
    }

    /// Sets llama.cpp's number for the type of most bytes of matrices; removes the key if it has none.
    static func setFileType(of tensors: [TensorDescriptor], _ metadata: inout Metadata) {
        guard let dtype = matrixType(tensors), let number = fileTypes[dtype] else {
            metadata.remove("general.file_type")
            return
        }
        metadata.set("general.file_type", .uint32(number))
    }

    private static let fileTypes: [DType: UInt32] = [.f32: 0, .f16: 1, .q8_0: 7, .bf16: 32]

    /// The type of most bytes of matrices; nil if there are none.
    static func matrixType(_ tensors: [TensorDescriptor]) -> DType? {
        var bytes: [DType: Int] = [:]
        for tensor in tensors where tensor.shape.count > 1 {
            if case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) { bytes[dtype, default: 0] += tensor.byteCount }
        }
        return bytes.max { ($0.value, $1.key.id) < ($1.value, $0.key.id) }?.key
    }
}
