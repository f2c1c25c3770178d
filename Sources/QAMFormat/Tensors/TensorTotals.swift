/// The total size of a model's tensors, computed when their list is read.
///
/// A header of a few hundred bytes may declare any size. Readers refuse totals that could overflow 64 bits later: the bytes of all tensors
/// including aliases, decoded to float64, or counted in bits (spec section 10).
package struct TensorTotals: Sendable {
    /// Elements, counting a dimension of zero as one.
    package static let maximumElements = 1 << 56
    /// Bytes before compression, counting aliases like their targets, and including embedded files.
    package static let maximumBytes = 1 << 59

    package private(set) var elements = 0
    package private(set) var bytes = 0

    package init() {}

    /// Throws `limitExceeded`, without a place.
    package mutating func add(shape: [Int], bytes: Int) throws {
        try add(elements: Self.elements(shape), bytes: bytes)
    }

    /// Throws `limitExceeded`, without a place.
    package mutating func add(elements: Int, bytes: Int) throws {
        guard elements <= Self.maximumElements - self.elements else {
            throw QAMError(.limitExceeded, "the tensors have more than 2^56 elements together")
        }
        guard bytes <= Self.maximumBytes - self.bytes else {
            throw QAMError(.limitExceeded, "the tensors and files have more than 2^59 bytes together")
        }
        self.elements += elements
        self.bytes += bytes
    }

    /// Checks a whole list of tensors whose individual sizes have been checked. Throws `limitExceeded`; the error names the tensor.
    package static func check(_ tensors: [TensorDescriptor]) throws {
        var totals = TensorTotals()
        for tensor in tensors {
            var target = tensor
            if case .alias(let index) = tensor.storage { target = tensors[index] }
            do {
                try totals.add(shape: tensor.shape, bytes: target.byteCount)
            } catch var error as QAMError {
                error.place.tensor = tensor.name
                throw error
            }
        }
    }

    /// The product of the nonzero dimensions, which `TensorDescriptor.checkedElementCount` has checked for overflow.
    package static func elements(_ shape: [Int]) -> Int { shape.reduce(1) { $1 == 0 ? $0 : $0 &* $1 } }
}
