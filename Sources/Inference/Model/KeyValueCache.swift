/// The keys and values of one layer.
final class KeyValueCache {
    /// Per head: one vector per token.
    let keys: [FloatMatrix]
    /// Per head, transposed: one vector per element of a value, one column per token. Columns after the last token are zero up to a whole
    /// vector of the kernels, so that products may include them.
    let values: [FloatMatrix]

    /// The memory of one token in one layer.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        MemoryLayout<Float>.stride * configuration.keyValueHeadCount * (configuration.headWidth + configuration.valueWidth)
    }

    /// Allocates `capacity` tokens, rounded up to whole vectors of the kernels.
    init(_ configuration: TransformerConfiguration, capacity: Int) {
        let capacity = Self.padded(capacity)
        keys = (0..<configuration.keyValueHeadCount).map { _ in FloatMatrix(count: capacity, width: configuration.headWidth) }
        values = (0..<configuration.keyValueHeadCount).map { _ in FloatMatrix(count: configuration.valueWidth, width: capacity) }
    }

    /// Products over tokens run in whole vectors of sixteen.
    static func padded(_ tokens: Int) -> Int { (tokens + 15) & ~15 }

    /// Stores the keys and values of tokens from `position` on, the last of the text. Heads are concatenated.
    func store(keys newKeys: FloatMatrix, values newValues: FloatMatrix, at position: Int, count: Int) {
        for (head, (keys, values)) in zip(keys, values).enumerated() {
            let width = keys.width, valueWidth = values.count, capacity = values.width
            precondition(position >= 0 && count <= capacity - position)
            newKeys.withVectors(0..<count) { source in
                keys.withMutableVectors(position..<position + count) { target in
                    for t in 0..<count {
                        for index in 0..<width { target[t * width + index] = source[t * newKeys.width + head * width + index] }
                    }
                }
            }
            newValues.withVectors(0..<count) { source in
                values.withMutableVectors(0..<valueWidth) { target in
                    for index in 0..<valueWidth {
                        for t in 0..<count { target[index * capacity + position + t] = source[t * newValues.width + head * valueWidth + index] }
                        // An earlier text may have left NaNs or infinities, whose product with a zero weight is NaN.
                        for t in position + count..<Self.padded(position + count) { target[index * capacity + t] = 0 }
                    }
                }
            }
        }
    }
}
