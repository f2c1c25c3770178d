public import QAMFormat

/// A source whose raw floating-point tensors are converted to F32, F16 or BF16 as they are read. Integers, BOOL, C64, F4,
/// F6, coded tensors and aliases stay as they are.
///
/// Finite values that become infinite are counted; the count is in `warnings` once they have been read.
public struct CastingSource: TensorSource {
    public let tensors: [TensorDescriptor]
    private let base: any TensorSource
    private let target: DType
    private let tally = OverflowTally()

    /// - Throws: `QAMError.invalidArgument` for a target that is none of F32, F16 and BF16.
    public init(_ base: any TensorSource, to target: DType) throws {
        guard [.f32, .f16, .bf16].contains(target) else {
            throw QAMError(.invalidArgument, "tensors can be cast to F32, F16 and BF16, not to \(target.name)")
        }
        self.base = base
        self.target = target
        tensors = base.tensors.map { tensor in
            guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return tensor }
            return TensorDescriptor(name: tensor.name, shape: tensor.shape, storage: .raw(target))
        }
    }

    public var metadata: Metadata { base.metadata }
    public var shared: SharedTables { base.shared }
    public var files: [any EmbeddedFile] { base.files }
    public var warnings: [String] { base.warnings + tally.warnings(tensors) }
    public var inputs: [String] { base.inputs }
    public var fingerprint: String { "\(base.fingerprint) cast \(target.name)" }

    /// The type that a tensor is cast from; nil where it stays as it is.
    private func source(of tensor: Int) -> DType? {
        guard case .raw(let dtype) = base.tensors[tensor].storage, DType.floating.contains(dtype), dtype != target else {
            return nil
        }
        return dtype
    }

    public func granule(of tensor: Int) -> Int {
        let bytes = base.granule(of: tensor)
        guard let dtype = source(of: tensor) else { return bytes }
        return bytes / greatestCommonDivisor(bytes, dtype.blockBytes) * target.blockBytes
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let dtype = source(of: tensor) else { return try base.read(units, of: tensor) }
        let elements = units.lowerBound / target.blockBytes..<units.upperBound / target.blockBytes
        let bytes = elements.lowerBound * dtype.blockBytes..<elements.upperBound * dtype.blockBytes
        guard let payload = try base.read(bytes, of: tensor).streams.first, payload.count == bytes.count else {
            throw QAMError(.truncated, "\(bytes.count) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        if dtype == .f64 {
            // Rounded once, from Double.
            let values = try ElementConversion.doubles(payload, as: dtype)
            tally.count(values, as: target, tensor: tensor)
            return TensorChunk(streams: [try ElementConversion.bytes(values, as: target)])
        }
        let values = try ElementConversion.floats(payload, as: dtype)
        tally.count(values, as: target, tensor: tensor)
        return TensorChunk(streams: [try ElementConversion.bytes(values, as: target)])
    }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try base.readWhole(stream: stream, of: tensor) }
}
