/// Converts raw floating-point tensors to other types as they are read: from every type of `DType.floating`, including ggml's block types,
/// to F32, F16, BF16 and Q8_0. Integers, BOOL, C64, F4, F6, coded tensors and aliases are unchanged.
///
/// Each chunk counts the finite values that became infinite.
public struct CastingSource: WrappingSource {
    private static let targets: Set<DType> = [.f32, .f16, .bf16, .q8_0]

    public let tensors: [TensorDescriptor]
    public let base: any TensorSource

    /// Converts all floating-point tensors to one type.
    ///
    /// - Throws: `QAMError.invalidArgument` for a target other than F32, F16, BF16 and Q8_0, and for rows that are not whole blocks of it.
    public init(_ base: any TensorSource, to target: DType) throws { try self.init(base) { _ in target } }

    /// `target` returns the new type of a floating-point tensor; nil keeps it.
    ///
    /// - Throws: like `init(_:to:)`, and what `target` throws.
    public init(_ base: any TensorSource, target: (TensorDescriptor) throws -> DType?) throws {
        self.base = base
        tensors = try base.tensors.map { tensor in
            guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return tensor }
            guard let target = try target(tensor), target != dtype else { return tensor }
            guard Self.targets.contains(target) else {
                throw QAMError(.invalidArgument, "tensors can be cast to F32, F16, BF16 and Q8_0, not to \(target.name)")
            }
            guard tensor.columns % target.blockElements == 0 else {
                throw QAMError(
                    .invalidArgument, "rows of \(tensor.columns) elements are not a whole number of \(target.name) blocks",
                    at: .init(tensor: tensor.name))
            }
            return TensorDescriptor(name: tensor.name, shape: tensor.shape, storage: .raw(target))
        }
    }

    public var fingerprint: String {
        let targets = tensors.indices.map { cast($0)?.to.name ?? "-" }
        return "\(base.fingerprint) cast \(XXH3.hash(Array(targets.joined(separator: ",").utf8)))"
    }

    /// The types that a tensor is cast from and to; nil if unchanged.
    private func cast(_ tensor: Int) -> (from: DType, to: DType)? {
        guard case .raw(let from) = base.tensors[tensor].storage, case .raw(let to) = tensors[tensor].storage, from != to else { return nil }
        return (from, to)
    }

    public func origin(of tensor: Int) -> Int? { cast(tensor) == nil ? tensor : nil }

    public func granule(of tensor: Int) -> Int {
        let bytes = base.granule(of: tensor)
        return cast(tensor).map { ElementUnits(from: $0.from, to: $0.to).granule(bytes) } ?? bytes
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let cast = cast(tensor) else { return try base.read(units, of: tensor) }
        let bytes = ElementUnits(from: cast.from, to: cast.to).source(units)
        let chunk = try base.read(bytes, of: tensor)
        guard let payload = chunk.streams.first, payload.count == bytes.count else {
            throw QAMError(.truncated, "\(bytes.count) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        if cast.from == .f64 {
            // Round once, from Double.
            let values = try ElementConversion.doubles(payload, as: cast.from)
            let overflows = chunk.overflows + ElementConversion.overflows(values, as: cast.to)
            return TensorChunk(streams: [try ElementConversion.bytes(values, as: cast.to)], overflows: overflows)
        }
        let values = try ElementConversion.floats(payload, as: cast.from)
        let overflows = chunk.overflows + ElementConversion.overflows(values, as: cast.to)
        return TensorChunk(streams: [try ElementConversion.bytes(values, as: cast.to)], overflows: overflows)
    }
}
