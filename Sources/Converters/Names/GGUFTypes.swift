import Architectures
package import QAMFormat

/// The types of tensors in GGUF.
package enum GGUFTypes {
    /// Whether loaders require the tensor in F32: floating-point one-dimensional tensors and norms.
    static func isPlain(_ tensor: TensorDescriptor) -> Bool {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return false }
        return tensor.shape.count <= 1 || tensor.name.hasSuffix("norm.weight")
    }

    /// A source with weights of this type. One-dimensional tensors and norms become F32; weights whose rows are not whole blocks become
    /// F16, as in llama.cpp's converter, with a warning. Sets `general.file_type` if there is an architecture.
    package static func cast(_ source: any TensorSource, to dtype: DType) throws -> any TensorSource {
        var broken: [String] = []
        let cast = try CastingSource(source) { tensor in
            if isPlain(tensor) { return .f32 }
            if tensor.columns % dtype.blockElements == 0 { return dtype }
            broken.append(tensor.name)
            return .f16
        }
        var warnings: [String] = []
        if !broken.isEmpty {
            warnings.append("rows that are not a multiple of \(dtype.blockElements) stay F16: \(Format.list(broken))")
        }
        var metadata = source.metadata
        if metadata[ModelNames.architectureKey] != nil { setFileType(of: cast.tensors, &metadata) }
        let items = cast.tensors.enumerated().map { SelectingSource.Item($1, .base($0)) }
        return SelectingSource(cast, items: items, metadata: metadata, files: cast.files, warnings: warnings)
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
