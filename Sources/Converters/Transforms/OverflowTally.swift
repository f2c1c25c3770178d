import QAMFormat
import Synchronization

/// Counts the finite values that became infinite in a narrower type, by tensor, from any thread.
///
/// The count covers what has been read so far, so a source's warnings are complete after its transfer.
final class OverflowTally: Sendable {
    private let counts = Mutex<[Int: Int]>([:])

    /// Counts the values of one range that are finite, but not in `dtype`.
    func count<Value: BinaryFloatingPoint>(_ values: [Value], as dtype: DType, tensor: Int) {
        let limit = Value(ElementConversion.overflowLimit(dtype))
        guard limit.isFinite else { return }
        var count = 0
        for value in values where value.magnitude >= limit && value.isFinite { count += 1 }
        if count > 0 { counts.withLock { $0[tensor, default: 0] += count } }
    }

    /// A sentence for each tensor concerned, in order.
    func warnings(_ tensors: [TensorDescriptor]) -> [String] {
        counts.withLock { counts in
            counts.sorted { $0.key < $1.key }.map { tensor, count in
                "tensor \"\(tensors[tensor].name)\": \(count) finite values became infinite"
            }
        }
    }
}
