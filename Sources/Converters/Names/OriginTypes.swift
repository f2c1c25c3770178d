import Architectures
import QAMFormat

/// The original types of tensors that GGUF requires in F32: recorded on conversion, restored on the way back.
struct OriginTypes {
    /// Larger tensors, which cannot be vectors of weights, are skipped.
    private static let maximumElements = 1 << 24

    private var types: [(name: String, dtype: DType)] = []
    private var exact: [Metadata.Entry] = []

    /// Records a floating-point tensor that becomes F32 with `offset` added. `payload` returns its elements, which are kept if they cannot
    /// be restored.
    mutating func add(_ tensor: TensorDescriptor, named name: String, offset: Float?, _ payload: () throws -> [UInt8]) throws {
        guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype), dtype.blockElements == 1 else { return }
        types.append((name, dtype))
        let isWidened = [.f32, .f16, .bf16].contains(dtype)
        guard !isWidened || offset != nil, tensor.elementCount <= Self.maximumElements else { return }
        let bytes = try payload()
        if isWidened, let offset {
            let stored = try OffsetSource.Change(offset: offset, target: .f32).apply(bytes, as: dtype)
            if try OffsetSource.Change(offset: -offset, target: dtype).apply(stored, as: .f32) == bytes { return }
        }
        exact.append(Metadata.Entry(key: "\(OriginKeys.exact).\(name)", value: .array(.uint8(bytes))))
    }

    /// The metadata entries: the most common type, and each tensor that differs.
    var entries: [Metadata.Entry] {
        var counts: [DType: Int] = [:]
        for (_, dtype) in types { counts[dtype, default: 0] += 1 }
        guard let common = counts.max(by: { ($0.value, $1.key.id) < ($1.value, $0.key.id) })?.key else { return [] }
        var entries = [Metadata.Entry(key: OriginKeys.dtype, value: .string(common.name))]
        for (name, dtype) in types where dtype != common {
            entries.append(Metadata.Entry(key: "\(OriginKeys.dtype).\(name)", value: .string(dtype.name)))
        }
        return entries + exact
    }

    /// The original form of an F32 tensor in GGUF.
    enum Origin: Equatable {
        case elements([UInt8], DType)
        case type(DType)
    }

    /// The original form of the F32 tensor at `index` of a source with GGUF names, given its new name: the first candidate type that
    /// restores the same bits when widened, else F32. Reads the tensor.
    ///
    /// - Parameter fallback: the candidate types if the metadata name none.
    static func origin(of index: Int, in source: any TensorSource, named name: String, offset: Float, fallback: [DType]) throws -> Origin {
        guard source.tensors[index].elementCount <= maximumElements else { return .type(.f32) }
        let stored = try source.payload(of: index)
        var candidates = fallback
        if let said = (source.metadata["\(OriginKeys.dtype).\(name)"] ?? source.metadata[OriginKeys.dtype])?.string {
            candidates = DType.safetensors.filter { $0.name == said }
        }
        let there = OffsetSource.Change(offset: offset, target: .f32)
        if case .array(.uint8(let bytes))? = source.metadata["\(OriginKeys.exact).\(name)"], let dtype = candidates.first,
            dtype.byteCount(elements: source.tensors[index].elementCount) == bytes.count, DType.floating.contains(dtype),
            try widened(bytes, dtype, offset) == stored
        {
            return .elements(bytes, dtype)
        }
        for dtype in candidates where [.f32, .f16, .bf16].contains(dtype) {
            let back = try OffsetSource.Change(offset: -offset, target: dtype).apply(stored, as: .f32)
            if try there.apply(back, as: dtype) == stored { return .type(dtype) }
        }
        return .type(.f32)
    }

    /// The elements as stored in F32: F64 is rounded once, from Double, if nothing is added.
    private static func widened(_ bytes: [UInt8], _ dtype: DType, _ offset: Float) throws -> [UInt8] {
        if dtype == .f64, offset == 0 { return try ElementConversion.bytes(try ElementConversion.doubles(bytes, as: dtype), as: .f32) }
        return try OffsetSource.Change(offset: offset, target: .f32).apply(bytes, as: dtype)
    }
}

extension TensorSource {
    /// All bytes of a raw tensor.
    func payload(of tensor: Int) throws -> [UInt8] {
        let byteCount = tensors[tensor].byteCount
        guard byteCount > 0 else { return [] }
        guard let bytes = try read(0..<byteCount, of: tensor).streams.first, bytes.count == byteCount else {
            throw QAMError(.truncated, "\(byteCount) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        return bytes
    }
}
