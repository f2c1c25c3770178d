import Architectures
package import QAMFormat

/// The types of tensors in GGUF.
package enum GGUFTypes {
    /// Whether loaders require the tensor in F32: floating-point one-dimensional tensors and norms.
    static func isPlain(_ tensor: TensorDescriptor) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return false }
        return tensor.shape.count <= 1 || tensor.name.hasSuffix("norm.weight")
    }

    /// A source with weights of this plain type. One-dimensional tensors and norms become F32. Sets `general.file_type` if there is an
    /// architecture.
    package static func cast(_ source: any TensorSource, to dtype: DType) throws -> any TensorSource {
        let cast = try CastingSource(source) { isPlain($0) ? .f32 : dtype }
        var metadata = source.metadata
        if metadata[ModelNames.architectureKey] != nil { setFileType(of: cast.tensors, &metadata) }
        return described(cast, metadata, warnings: [])
    }

    /// A source with weights of ggml's block types. One-dimensional tensors and norms become F32, what llama.cpp never quantizes keeps its type, and
    /// weights whose rows are not whole blocks get a type with smaller blocks or F16, as in llama.cpp, with a warning.
    ///
    /// - Parameter meanSquares: E[x²] of the inputs of a matrix, which weigh its errors; nil if unknown.
    /// - Throws: `QAMError.invalidArgument` for a mixture without GGUF's names, and what `meanSquares` throws.
    package static func quantize(
        _ source: any TensorSource, to types: BlockTypes, meanSquares: ((TensorDescriptor) throws -> [Float]?)? = nil
    ) throws -> any TensorSource {
        let names: ModelNames? = source.metadata[ModelNames.architectureKey] == nil ? nil : .gguf
        let chosen: [DType?] =
            try types.mixture?.types(of: source.tensors, source.metadata, base: types.base, hasStatistics: meanSquares != nil)
            ?? source.tensors.map { QuantizableTensors.contains($0, named: names) ? types.base : nil }
        var wanted: [String: DType] = [:]
        for (tensor, type) in zip(source.tensors, chosen) { wanted[tensor.name] = type }

        var fallen: [String: [String]] = [:], again: [String] = [], unweighted: [String] = []
        let cast = try CastingSource(source) { tensor in
            guard let values = try meanSquares?(tensor), let weights = try ColumnWeights(values) else {
                if meanSquares != nil, TensorRole(of: tensor.name) != .embedding { unweighted.append(tensor.name) }
                return nil
            }
            return weights
        } target: { tensor in
            if isPlain(tensor) { return .f32 }
            guard let wanted = wanted[tensor.name] else { return nil }
            let type = BlockTypes.fallback(wanted, columns: tensor.columns)
            if type != wanted {
                let outcome =
                    type == .f16
                    ? "\(DType.q8_0.blockElements) stay F16" : "\(wanted.blockElements) become \(type.name), not \(wanted.name)"
                fallen[outcome, default: []].append(tensor.name)
            }
            if case .raw(let old) = tensor.storage, old.blockElements > 1, old != type { again.append(tensor.name) }
            return type
        }
        var warnings = fallen.sorted { $0.key < $1.key }.map { "rows that are not a multiple of \($0.key): \(Format.list($0.value))" }
        if !again.isEmpty {
            warnings.append("quantized a second time, which adds to their errors; take the original model if you have it: \(Format.list(again))")
        }
        if !unweighted.isEmpty { warnings.append("no statistics of their inputs, so that all columns count equally: \(Format.list(unweighted))") }
        var metadata = source.metadata
        if names == .gguf {
            metadata.set("general.file_type", .uint32(types.fileType))
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
