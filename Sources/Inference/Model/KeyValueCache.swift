/// The keys and values of one layer's tokens so far.
final class KeyValueCache {
    /// Of each head: a vector for each token.
    let keys: [FloatMatrix]
    /// Of each head, turned about: a vector for each number of a value, with a place for each token. Places beyond the last
    /// token are zero up to a whole vector of the kernels, so that products may run over them.
    let values: [FloatMatrix]

    /// The bytes that one token of one layer takes.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        2 * MemoryLayout<Float>.stride * configuration.keyValueHeadCount * configuration.headWidth
    }

    /// Room for `capacity` tokens, rounded up to whole vectors of the kernels.
    init(_ configuration: TransformerConfiguration, capacity: Int) {
        let capacity = Self.padded(capacity)
        keys = (0..<configuration.keyValueHeadCount).map { _ in FloatMatrix(count: capacity, width: configuration.headWidth) }
        values = (0..<configuration.keyValueHeadCount).map { _ in FloatMatrix(count: configuration.headWidth, width: capacity) }
    }

    /// The products over tokens run in whole vectors of sixteen.
    static func padded(_ tokens: Int) -> Int { (tokens + 15) & ~15 }

    /// Stores the keys and values of tokens that stand at `position` and after it, the last of the text. Each vector holds all heads.
    func store(keys newKeys: FloatMatrix, values newValues: FloatMatrix, at position: Int, count: Int) {
        for (head, (keys, values)) in zip(keys, values).enumerated() {
            let width = keys.width, capacity = values.width
            precondition(position >= 0 && count <= capacity - position)
            newKeys.withVectors(0..<count) { source in
                keys.withMutableVectors(position..<position + count) { target in
                    for t in 0..<count {
                        for index in 0..<width { target[t * width + index] = source[t * newKeys.width + head * width + index] }
                    }
                }
            }
            newValues.withVectors(0..<count) { source in
                values.withMutableVectors(0..<width) { target in
                    for index in 0..<width {
                        for t in 0..<count { target[index * capacity + position + t] = source[t * newValues.width + head * width + index] }
                        // An earlier text may have left what is no number, of which no weight of zero makes zero.
                        for t in position + count..<Self.padded(position + count) { target[index * capacity + t] = 0 }
                    }
                }
            }
        }
    }
}
