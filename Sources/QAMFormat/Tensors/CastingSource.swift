/// Converts raw floating-point tensors to other types as they are read: from every type of `DType.floating`, including ggml's block types,
/// to F32, F16, BF16 and the block types of `ElementConversion.encodable`. Integers, BOOL, C64, F4, F6, coded tensors and aliases are unchanged.
///
/// Each chunk counts the finite values that became infinite, and has the error of block types.
public struct CastingSource: WrappingSource {
    private static let targets = ElementConversion.encodable.subtracting([.f64])

    public let tensors: [TensorDescriptor]
    public let base: any TensorSource
    /// How much errors in each column count, for tensors of searched block types.
    private let weights: [Int: ColumnWeights]

    /// Converts all floating-point tensors to one type.
    ///
    /// - Throws: `QAMError.invalidArgument` for a target that is not plain or in `ElementConversion.encodable`, and for rows that are not whole blocks of it.
    public init(_ base: any TensorSource, to target: DType) throws { try self.init(base) { _ in target } }

    /// `target` returns the new type of a floating-point tensor; nil keeps it.
    ///
    /// - Throws: like `init(_:to:)`, and what `target` throws.
    public init(_ base: any TensorSource, target: (TensorDescriptor) throws -> DType?) throws {
        try self.init(base, weights: { _ in nil }, target: target)
    }

    /// `weights` returns how much errors in the columns of a tensor count that becomes one of ggml's block types; nil counts them equally.
    ///
    /// - Throws: like `init(_:target:)`, and what `weights` throws.
    package init(
        _ base: any TensorSource, weights: (TensorDescriptor) throws -> ColumnWeights?, target: (TensorDescriptor) throws -> DType?
    ) throws {
        self.base = base
        var found: [Int: ColumnWeights] = [:]
        tensors = try base.tensors.enumerated().map { index, tensor in
            guard case .raw(let dtype) = tensor.storage, DType.floating.contains(dtype) else { return tensor }
            guard let target = try target(tensor), target != dtype else { return tensor }
            guard Self.targets.contains(target) else {
                let names = Self.targets.sorted { $0.id < $1.id }.map(\.name).joined(separator: ", ")
                throw QAMError(.invalidArgument, "tensors can be cast to \(names), not to \(target.name)")
            }
            guard tensor.columns % target.blockElements == 0 else {
                throw QAMError(
                    .invalidArgument, "rows of \(tensor.columns) elements are not a whole number of \(target.name) blocks",
                    at: .init(tensor: tensor.name))
            }
            if GGMLBlocks.searched.contains(target), let weights = try weights(tensor) {
                guard weights.values.count == tensor.columns else {
                    throw QAMError(
                        .invalidArgument, "\(weights.values.count) weights of columns do not fit \(tensor.columns) columns", at: .init(tensor: tensor.name))
                }
                found[index] = weights
            }
            return TensorDescriptor(name: tensor.name, shape: tensor.shape, storage: .raw(target))
        }
        self.weights = found
    }

    public var fingerprint: String {
        let targets = tensors.indices.map { tensor in
            let name = cast(tensor)?.to.name ?? "-"
            guard let weights = weights[tensor] else { return name }
            return "\(name) \(weights.hash)"
        }
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
        guard cast.to.blockElements > 1 else { return try converted(units, of: tensor, cast) { try ElementConversion.bytes($0, as: cast.to) } }
        // A chunk of blocks has many times as many bytes as floats: the floats are made a few at a time.
        let granule = granule(of: tensor), step = max(1, Self.pieceElements / cast.to.blockElements * cast.to.blockBytes / granule) * granule
        var whole = TensorChunk(streams: [[]], distortion: Distortion())
        whole.streams[0].reserveCapacity(units.count)
        for start in stride(from: units.lowerBound, to: units.upperBound, by: step) {
            let part = try blocks(start..<min(start + step, units.upperBound), of: tensor, cast)
            whole.streams[0] += part.streams[0]
            whole.overflows += part.overflows
            if let distortion = part.distortion { whole.distortion? += distortion }
        }
        return whole
    }

    private static let pieceElements = 1 << 18

    /// Blocks and their error.
    private func blocks(_ units: Range<Int>, of tensor: Int, _ cast: (from: DType, to: DType)) throws -> TensorChunk {
        let column = units.lowerBound / cast.to.blockBytes * cast.to.blockElements % max(1, tensors[tensor].columns)
        var distortion = Distortion()
        var chunk = try converted(units, of: tensor, cast) { values in
            let isSearched = GGMLBlocks.searched.contains(cast.to)
            let bytes =
                isSearched
                ? try GGMLBlocks.blocks(values, as: cast.to, weights: weights[tensor], column: column) : try ElementConversion.bytes(values, as: cast.to)
            for (value, stored) in zip(values, try ElementConversion.floats(bytes, as: cast.to)) {
                let error = Double(value) - Double(stored)
                distortion.error += error * error
                distortion.energy += Double(value) * Double(value)
            }
            return bytes
        }
        chunk.distortion = distortion
        return chunk
    }

    /// Elements of the base, encoded by `encode` from Float; F64 is rounded once to plain types.
    private func converted(
        _ units: Range<Int>, of tensor: Int, _ cast: (from: DType, to: DType), _ encode: ([Float]) throws -> [UInt8]
    ) throws -> TensorChunk {
        let bytes = ElementUnits(from: cast.from, to: cast.to).source(units)
        let chunk = try base.read(bytes, of: tensor)
        guard let payload = chunk.streams.first, payload.count == bytes.count else {
            throw QAMError(.truncated, "\(bytes.count) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        if cast.from == .f64, cast.to.blockElements == 1 {
            let values = try ElementConversion.doubles(payload, as: cast.from)
            let overflows = chunk.overflows + ElementConversion.overflows(values, as: cast.to)
            return TensorChunk(streams: [try ElementConversion.bytes(values, as: cast.to)], overflows: overflows)
        }
        let values = try ElementConversion.floats(payload, as: cast.from)
        let overflows = chunk.overflows + ElementConversion.overflows(values, as: cast.to)
        do {
            return TensorChunk(streams: [try encode(values)], overflows: overflows)
        } catch let error as QAMError {
            throw QAMError(error.code, error.message, at: .init(tensor: tensors[tensor].name))
        }
    }
}
