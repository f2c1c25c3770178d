/// Vectors prepared for multiplication by coded matrices: rounded to bytes in the way the matrices' codec requires.
///
/// Made by `QAMMatrix.prepare`. Matrices with equal `activationKey` (query, key and value of a layer, for instance) share activations, so that each vector is
/// prepared once.
public struct Activations: Sendable {
    /// Identifies how a vector is prepared.
    public struct Key: Hashable, Sendable {
        private let content: any Hashable & Sendable

        /// - Parameter content: everything that preparation depends on, as a type of the codec.
        init(_ content: some Hashable & Sendable) { self.content = content }

        /// Whether both prepare vectors alike.
        public static func == (left: Key, right: Key) -> Bool { AnyHashable(left.content) == AnyHashable(right.content) }

        public func hash(into hasher: inout Hasher) { content.hash(into: &hasher) }
    }

    /// Identifies the preparation that a matrix needs: matrices with equal keys take the same activations.
    public let key: Key
    /// The number of vectors.
    public let count: Int
    /// The length of a vector.
    public let columns: Int
    /// The bytes of each vector, in the kernels' layout; empty if `words` has them.
    var values: [Int8] = []
    /// Integers of 16 bits, for kernels that multiply those, and for each scale the sum that they subtract.
    var words: [Int16] = []
    var offsets: [Int32] = []
    /// The scales of each vector's integers.
    var scales: [Float] = []
}
