/// Vectors made ready to be multiplied by coded matrices, rounded to bytes as the matrices' codec does it.
///
/// Made by `QAMMatrix.prepare`. Matrices whose `activationKey` is equal (query, key and value of a layer, for instance)
/// take the same ones, so that each vector is prepared once.
public struct Activations: Sendable {
    /// What decides how a vector is prepared.
    public struct Key: Hashable, Sendable {
        private let content: any Hashable & Sendable

        /// - Parameter content: all that decides it, of a type of the codec's own.
        init(_ content: some Hashable & Sendable) { self.content = content }

        public static func == (left: Key, right: Key) -> Bool { AnyHashable(left.content) == AnyHashable(right.content) }

        public func hash(into hasher: inout Hasher) { content.hash(into: &hasher) }
    }

    public let key: Key
    /// The number of vectors.
    public let count: Int
    /// The length of a vector.
    public let columns: Int
    /// Of each vector, the bytes that the kernels want.
    let values: [Int8]
    /// Of each vector, what the bytes are worth.
    let scales: [Float]
}
