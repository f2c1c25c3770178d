public import QAMFormat

/// Decodes coded tensors as they are read.
///
/// Each chunk counts the finite values that became infinite.
public struct DequantizingSource: WrappingSource {
    /// The type of decoded tensors.
    public enum Target: Hashable, Sendable {
        /// The original type if it was F64, F32, F16 or BF16; F16 if it was one of ggml's block types; otherwise BF16, with a warning.
        case keep
        /// A type of `ElementConversion.encodable`.
        case dtype(DType)
    }

    public let tensors: [TensorDescriptor]
    public let base: any TensorSource
    private let target: Target
    private let ownWarnings: [String]

    /// - Throws: `QAMError.invalidArgument` for another target or rows that are not whole blocks of it, and what
    ///   `CodecRegistry.validate` throws.
    public init(_ base: any TensorSource, to target: Target) throws {
        if case .dtype(let dtype) = target, !ElementConversion.encodable.contains(dtype) {
            throw QAMError(.invalidArgument, "tensors can be dequantized to plain types and those of ggml that have an encoder, not to \(dtype.name)")
        }
        var warnings: [String] = []
        let shared = base.shared
        tensors = try base.tensors.map { tensor in
            guard case .coded(let coding) = tensor.storage else { return tensor }
            try CodecRegistry.validate(tensor, shared: shared)
            let dtype: DType
            switch target {
            case .dtype(let given): dtype = given
            case .keep:
                if let source = coding.sourceType, [.f64, .f32, .f16, .bf16].contains(source) {
                    dtype = source
                } else if let source = coding.sourceType, source.blockElements > 1, DType.floating.contains(source) {
                    dtype = .f16
                } else {
                    dtype = .bf16
                    warnings.append(
                        "tensor \"\(tensor.name)\" was \(coding.sourceType?.name ?? "of an unknown type") before it was quantized; it becomes BF16")
                }
            }
            guard tensor.columns % dtype.blockElements == 0 else {
                throw QAMError(
                    .invalidArgument, "rows of \(tensor.columns) elements are not a whole number of \(dtype.name) blocks",
                    at: .init(tensor: tensor.name))
            }
            return TensorDescriptor(name: tensor.name, shape: tensor.shape, storage: .raw(dtype))
        }
        self.base = base
        self.target = target
        ownWarnings = warnings
    }

    /// Empty: no tensor is coded.
    public var shared: SharedTables { SharedTables() }
    public var warnings: [String] { base.warnings + ownWarnings }
    public var fingerprint: String {
        switch target {
        case .keep: "\(base.fingerprint) dequantize keep"
        case .dtype(let dtype): "\(base.fingerprint) dequantize \(dtype.name)"
        }
    }

    /// The type that a coded tensor is decoded to; nil if the tensor is unchanged.
    private func decoded(_ tensor: Int) -> DType? {
        guard case .coded = base.tensors[tensor].storage, case .raw(let dtype) = tensors[tensor].storage else { return nil }
        return dtype
    }

    private func rowBytes(_ tensor: Int, _ dtype: DType) -> Int {
        tensors[tensor].columns / dtype.blockElements * dtype.blockBytes
    }

    public func origin(of tensor: Int) -> Int? { decoded(tensor) == nil ? tensor : nil }

    public func granule(of tensor: Int) -> Int {
        guard let dtype = decoded(tensor) else { return base.granule(of: tensor) }
        return base.granule(of: tensor) * rowBytes(tensor, dtype)
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let dtype = decoded(tensor) else { return try base.read(units, of: tensor) }
        let rowBytes = rowBytes(tensor, dtype)
        let rows = units.lowerBound / rowBytes..<units.upperBound / rowBytes
        // A decoder is cheap compared with a chunk; creating it here keeps memory independent of the number of tensors.
        let decoder = try CodecRegistry.decoder(for: tensor, of: base)
        let weights = try decoder.decode(base.read(rows, of: tensor), rows: rows.count)
        return TensorChunk(streams: [try ElementConversion.bytes(weights, as: dtype)], overflows: ElementConversion.overflows(weights, as: dtype))
    }
}
