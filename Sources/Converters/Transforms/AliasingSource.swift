package import QAMFormat

/// Finds tied weights: among raw tensors equal in type, shape and every byte, the later ones become aliases of the first. Small tensors are
/// skipped, since equality among them (norms full of ones) is coincidence.
package struct AliasingSource: WrappingSource {
    /// Smaller tensors are skipped.
    package static let minimumBytes = 64 << 10

    package let tensors: [TensorDescriptor]
    package let base: any TensorSource

    /// Reads 12 KiB of each tensor that shares its type and shape with another, and all bytes of those whose samples match. Throws what
    /// reading throws.
    package init(wrapping base: any TensorSource) throws {
        self.base = base
        var targets: [Int: Int] = [:]
        for group in Self.candidates(base) { try Self.match(group, in: base, &targets) }
        var tensors = base.tensors
        for (index, tensor) in tensors.enumerated() {
            // Aliases of a tensor that has become an alias are redirected to its target.
            if case .alias(let target) = tensor.storage { tensors[index].storage = .alias(of: targets[target] ?? target) }
            if let target = targets[index] { tensors[index].storage = .alias(of: target) }
        }
        self.tensors = tensors
    }

    package var fingerprint: String { "aliased\n\(base.fingerprint)" }

    package func origin(of tensor: Int) -> Int? { tensor }

    /// Whether two raw tensors are equal in type, shape and every byte. Reads both up to the first difference.
    static func areEqual(_ left: Int, _ right: Int, in base: any TensorSource) throws -> Bool {
        let (first, second) = (base.tensors[left], base.tensors[right])
        guard case .raw = first.storage, first.storage == second.storage, first.shape == second.shape else { return false }
        return try equal(left, right, in: base)
    }

    /// Groups of at least two raw tensors of equal type and shape, in order.
    private static func candidates(_ base: any TensorSource) -> [[Int]] {
        struct Key: Hashable {
            var dtype: DType
            var shape: [Int]
        }
        var groups: [Key: [Int]] = [:]
        for (index, tensor) in base.tensors.enumerated() {
            guard case .raw(let dtype) = tensor.storage, tensor.byteCount >= minimumBytes else { continue }
            groups[Key(dtype: dtype, shape: tensor.shape), default: []].append(index)
        }
        return groups.values.filter { $0.count > 1 }
    }

    private static func match(_ group: [Int], in base: any TensorSource, _ targets: inout [Int: Int]) throws {
        /// Distinct tensors by sample.
        var originals: [[UInt8]: [Int]] = [:]
        for tensor in group {
            let sample = try sample(of: tensor, in: base)
            if let original = try originals[sample]?.first(where: { try equal($0, tensor, in: base) }) {
                targets[tensor] = original
            } else {
                originals[sample, default: []].append(tensor)
            }
        }
    }

    /// About 4 KiB each of head, middle and tail.
    private static func sample(of tensor: Int, in base: any TensorSource) throws -> [UInt8] {
        let byteCount = base.tensors[tensor].byteCount
        let granule = max(1, base.granule(of: tensor))
        let length = max(1, 4096 / granule) * granule
        var sample: [UInt8] = []
        for start in [0, byteCount / 2, byteCount - length] {
            let start = max(0, start) / granule * granule
            sample += try base.read(start..<min(start + length, byteCount), of: tensor).streams.joined()
        }
        return sample
    }

    private static func equal(_ left: Int, _ right: Int, in base: any TensorSource) throws -> Bool {
        let byteCount = base.tensors[left].byteCount
        let granule = max(1, base.granule(of: left), base.granule(of: right))
        guard granule % max(1, base.granule(of: left)) == 0, granule % max(1, base.granule(of: right)) == 0 else { return false }
        let step = max(1, 1 << 20 / granule) * granule
        for start in stride(from: 0, to: byteCount, by: step) {
            let units = start..<min(start + step, byteCount)
            guard try base.read(units, of: left).streams == base.read(units, of: right).streams else { return false }
        }
        return true
    }
}
