internal import QAMFormat

/// The cost of coding a tensor at each of its rates.
package struct RateCurve: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        /// The rate, in bits per weight.
        package let bits: Double
        /// Everything stored at this rate, in bits.
        package let storedBits: Int
        /// The cost of the error, in a unit common to all compared curves.
        package let cost: Double

        package init(bits: Double, storedBits: Int, cost: Double) {
            self.bits = bits
            self.storedBits = storedBits
            self.cost = cost
        }
    }

    /// In ascending order of bits.
    package let points: [Point]

    package init(points: [Point]) { self.points = points }

    /// A step from a point of the lower convex hull to the next.
    fileprivate struct Step {
        let curve: Int
        let from: Int
        let to: Int
        let storedBits: Int
        /// The reduction of cost per stored bit.
        let slope: Double
    }

    /// The steps along the hull, in descending order of slope.
    fileprivate func steps(curve: Int) -> [Step] {
        var steps: [Step] = []
        var from = 0
        while from < points.count - 1 {
            let next = (from + 1..<points.count).map { to in
                let bits = points[to].storedBits - points[from].storedBits
                return Step(curve: curve, from: from, to: to, storedBits: bits, slope: (points[from].cost - points[to].cost) / Double(max(1, bits)))
            }
            guard let best = next.max(by: { $0.slope < $1.slope }), best.slope > 0 else { break }
            steps.append(best)
            from = best.to
        }
        return steps
    }
}

/// Distributes bits over tensors so that their total cost is minimal: takes the steps of all curves in descending order of slope (Lagrange's condition) until
/// no more fit.
package enum RateAllocation {
    /// The index of the chosen point of each curve; nil if even the lowest do not fit. O(points * log(points)).
    ///
    /// - Parameter storedBits: the budget for all tensors together.
    package static func choose(_ curves: [RateCurve], storedBits: Int) -> [Int]? {
        var chosen = curves.map { _ in 0 }
        var left = storedBits - curves.reduce(0) { $0 + ($1.points.first?.storedBits ?? 0) }
        guard left >= 0 else { return nil }
        let steps = curves.enumerated().flatMap { $1.steps(curve: $0) }
        // Ties keep the original order, so that the choice is deterministic.
        let order = steps.indices.sorted { steps[$0].slope == steps[$1].slope ? $0 < $1 : steps[$0].slope > steps[$1].slope }
        for step in order.map({ steps[$0] }) where chosen[step.curve] == step.from && step.storedBits <= left {
            chosen[step.curve] = step.to
            left -= step.storedBits
        }
        return chosen
    }

    /// The index of the chosen point of each curve, so that the model takes at most `limit` bytes.
    ///
    /// - Parameters:
    ///   - parameters: the weights of the model, for the message.
    ///   - size: the bytes of the model with such a choice.
    /// - Throws: `QAMError.invalidArgument` if the model is larger even with the lowest points, and errors from `size`.
    static func choose(_ curves: [RateCurve], limit: Int, parameters: Int, size: ([Int]) throws -> Int) throws -> [Int] {
        let lowest = curves.map { _ in 0 }, least = try size(lowest)
        guard least <= limit else {
            let bits = [limit, least].map { Format.decimal(8 * Double($0) / Double(max(1, parameters)), 3) }
            throw QAMError(
                .invalidArgument,
                "\(Format.bytes(limit)) (\(bits[0]) bits per weight) are too few: at the lowest rates the model takes \(Format.bytes(least)) (\(bits[1]))")
        }
        // Shared data such as codebooks depend on the choice: the budget for payloads shrinks until everything fits.
        let leastBits = curves.reduce(0) { $0 + ($1.points.first?.storedBits ?? 0) }
        var budget = leastBits + 8 * (limit - least)
        while budget >= leastBits, let next = choose(curves, storedBits: budget) {
            let excess = try size(next) - limit
            if excess <= 0 { return next }
            budget -= 8 * excess
        }
        return lowest
    }
}
