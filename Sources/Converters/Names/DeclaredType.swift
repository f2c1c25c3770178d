import Architectures
package import QAMFormat

/// The type of a model's tensors as declared in config.json: `torch_dtype`, in newer files `dtype`. transformers loads in this type,
/// whatever the tensors' own.
package enum DeclaredType {
    private static let keys: Set = ["torch_dtype", "dtype"]
    private static let names: [DType: String] = [.f64: "float64", .f32: "float32", .f16: "float16", .bf16: "bfloat16"]

    /// The source with a config.json that declares the type of most weights, if it declares one by name, for the model or its parts; the
    /// rest of the file is unchanged. A type that cannot be declared leaves it as is. Reads config.json; invalid JSON is kept, with a
    /// warning.
    package static func updated(_ source: any TensorSource) throws -> any TensorSource {
        guard let index = source.files.firstIndex(where: { $0.name == ModelConfig.name }), let name = prevailing(source.tensors).flatMap({ names[$0] })
        else { return source }
        var files = source.files, warnings: [String] = []
        let old = try files[index].read(0..<files[index].byteCount)
        do {
            let new = try JSONStringEdit.replacing(in: old) { path, value in declares(path) && value != "auto" ? name : nil }
            guard new != old else { return source }
            files[index] = MadeFile(name: ModelConfig.name, bytes: new)
        } catch let error as QAMError where error.code == .malformed {
            warnings.append("\(ModelConfig.name) is left as it is, and may declare another type than \(name): \(error.message)")
        }
        let items = source.tensors.enumerated().map { SelectingSource.Item($1, .base($0)) }
        return SelectingSource(source, items: items, metadata: source.metadata, files: files, warnings: warnings)
    }

    /// Whether a member belongs to the model or to one of its parts, such as text_config, and not to a quantizer's configuration.
    private static func declares(_ path: [String]) -> Bool {
        guard let key = path.last, keys.contains(key) else { return false }
        return path.dropLast().allSatisfy { $0.hasSuffix("_config") && $0 != "quantization_config" }
    }

    /// The type of most weights; coded tensors count with their decoded type.
    private static func prevailing(_ tensors: [TensorDescriptor]) -> DType? {
        var counts: [DType: Int] = [:]
        for tensor in tensors {
            switch tensor.storage {
            case .raw(let dtype) where DType.floating.contains(dtype): counts[dtype, default: 0] += tensor.elementCount
            case .coded(let coding): if let type = coding.sourceType { counts[type, default: 0] += tensor.elementCount }
            case .raw, .alias, .unreadable: break
            }
        }
        return counts.max { ($0.value, $1.key.id) < ($1.value, $0.key.id) }?.key
    }
}
