/// Statistics of a matrix's input vectors, per channel.
package struct InputStatistics: Sendable {
    /// The number of vectors.
    package private(set) var count = 0
    private var squares: [Double]
    private var magnitudes: [Double]
    /// The largest magnitude of each channel.
    package private(set) var largest: [Float]

    init(width: Int) {
        squares = Array(repeating: 0, count: width)
        magnitudes = squares
        largest = Array(repeating: 0, count: width)
    }

    /// E[x^2] of each channel.
    package var meanSquares: [Float] { squares.map { Float($0 / Double(max(1, count))) } }
    /// E[|x|] of each channel.
    package var meanMagnitudes: [Float] { magnitudes.map { Float($0 / Double(max(1, count))) } }

    /// Adds the squares of second vectors of tokens that are counted already, as `HessianSum` does. O(vectors * width).
    mutating func addSquares(_ x: FloatMatrix) {
        for t in 0..<x.count {
            x.withVectors(t..<t + 1) { vector in
                for channel in vector.indices { squares[channel] += Double(vector[channel]) * Double(vector[channel]) }
            }
        }
    }

    /// Counts vectors. O(vectors * width).
    mutating func add(_ x: FloatMatrix) {
        for t in 0..<x.count {
            x.withVectors(t..<t + 1) { vector in
                for channel in vector.indices {
                    let magnitude = vector[channel].magnitude
                    squares[channel] += Double(magnitude) * Double(magnitude)
                    magnitudes[channel] += Double(magnitude)
                    largest[channel] = max(largest[channel], magnitude)
                }
            }
        }
        count += x.count
    }

    /// Adds as many vectors as are missing up to one for each channel, like the mean of the others' vectors. O(others * width).
    mutating func complete(_ others: [InputStatistics]) {
        let total = others.reduce(0) { $0 + $1.count }, missing = squares.count - count
        guard missing > 0, total > 0 else { return }
        let share = Double(missing) / Double(total)
        for other in others {
            for channel in squares.indices {
                squares[channel] += share * other.squares[channel]
                magnitudes[channel] += share * other.magnitudes[channel]
                largest[channel] = max(largest[channel], other.largest[channel])
            }
        }
        count += missing
    }
}
