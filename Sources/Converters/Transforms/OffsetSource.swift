package import QAMFormat

/// Adds a constant to every element of some raw floating-point tensors and changes their type: converts gemma's norms, stored as the
/// difference from 1, to factors and back.
///
/// The sum is computed in float32 and rounded to the target. Each chunk counts the finite sums that became infinite.
package struct OffsetSource: WrappingSource {
    package struct Change: Hashable, Sendable {
        package var offset: Float
        package var target: DType

        package init(offset: Float, target: DType) {
            self.offset = offset
            self.target = target
        }

        /// Applies the change to the elements of `bytes`.
        func apply(_ bytes: [UInt8], as dtype: DType) throws -> [UInt8] { try ElementConversion.bytes(sums(bytes, as: dtype), as: target) }

        fileprivate func sums(_ bytes: [UInt8], as dtype: DType) throws -> [Float] {
            try ElementConversion.floats(bytes, as: dtype).map { $0 + offset }
        }
    }

    package let tensors: [TensorDescriptor]
    package let base: any TensorSource
    private let changes: [Int: Change]

    /// `changes` by tensor index. Throws `invalidArgument` unless the tensor is raw with a type of `DType.floating`, and the target is not
    /// a block type.
    package init(_ base: any TensorSource, changes: [Int: Change]) throws {
        var tensors = base.tensors
        for (index, change) in changes {
            guard case .raw(let dtype) = tensors[index].storage, DType.floating.contains(dtype), change.target.blockElements == 1 else {
                throw QAMError(.invalidArgument, "a constant can be added to raw floating-point tensors only", at: .init(tensor: tensors[index].name))
            }
            tensors[index].storage = .raw(change.target)
        }
        self.tensors = tensors
        self.base = base
        self.changes = changes
    }

    package var fingerprint: String {
        let parts = changes.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.offset) \($0.value.target.name)" }
        return "\(base.fingerprint) offset \(parts.joined(separator: ","))"
    }

    package func origin(of tensor: Int) -> Int? { changes[tensor] == nil ? tensor : nil }

    package func granule(of tensor: Int) -> Int {
        guard let change = changes[tensor], case .raw(let dtype) = base.tensors[tensor].storage else { return base.granule(of: tensor) }
        return ElementUnits(from: dtype, to: change.target).granule(base.granule(of: tensor))
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let change = changes[tensor], case .raw(let dtype) = base.tensors[tensor].storage else { return try base.read(units, of: tensor) }
        let bytes = ElementUnits(from: dtype, to: change.target).source(units)
        let chunk = try base.read(bytes, of: tensor)
        guard let payload = chunk.streams.first, payload.count == bytes.count else {
            throw QAMError(.truncated, "\(bytes.count) bytes are not there", at: .init(tensor: tensors[tensor].name))
        }
        let sums = try change.sums(payload, as: dtype)
        return TensorChunk(
            streams: [try ElementConversion.bytes(sums, as: change.target)],
            overflows: chunk.overflows + ElementConversion.overflows(sums, as: change.target))
    }
}
