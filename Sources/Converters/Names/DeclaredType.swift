import Architectures
public import QAMFormat

/// The type that config.json says its model's tensors have: `torch_dtype`, in newer files `dtype`. transformers loads in it, whatever
/// type the tensors have.
public enum DeclaredType {
    private static let keys: Set = ["torch_dtype", "dtype"]
    private static let names: [DType: String] = [.f64: "float64", .f32: "float32", .f16: "float16", .bf16: "bfloat16"]

    /// The source with a config.json that declares the type that most of its weights have, where it declares one by name, for the model or
    /// for its parts; nothing else in the file changes. Where they have a type that cannot be declared so, it stays. Reads config.json;
    /// one that is no JSON stays with a warning.
    public static func updated(_ source: any TensorSource) throws -> any TensorSource {
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

    /// Whether a member is the model's or one of its parts', such as text_config; what a quantizer's configuration says is its own.
    private static func declares(_ path: [String]) -> Bool {
        guard let key = path.last, keys.contains(key) else { return false }
        return path.dropLast().allSatisfy { $0.hasSuffix("_config") && $0 != "quantization_config" }
    }

    /// The type that most weights have, of coded tensors the one that they are decoded to.
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
