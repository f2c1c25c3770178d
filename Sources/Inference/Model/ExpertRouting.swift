package import Architectures

/// How tokens are assigned to experts.
package struct ExpertRouting: Hashable, Sendable {
    package var count: Int
    /// Experts per token.
    package var used: Int
    /// The width of an expert's feed-forward network.
    package var width: Int
    package var scores: ForwardPass.Routing.Scores
    /// Whether the chosen experts' weights sum to 1, before the scale.
    package var isNormalized: Bool
    package var scale: Double
    /// Experts are chosen from `usedGroups` of this number of equal groups.
    package var groups: Int
    package var usedGroups: Int
    /// The score of a group is the sum of its best two experts; otherwise that of its best.
    package var groupsByTwo: Bool

    var isSensible: Bool {
        count > 0 && groups > 0 && count % groups == 0 && (1...groups).contains(usedGroups) && (1...count / groups * usedGroups).contains(used)
            && (!groupsByTwo || groups == 1 || count / groups >= 2) && scale.isFinite && scale > 0
    }

    /// The experts of a token, in ascending order, of equal ones the first.
    ///
    /// - Parameter scores: of each expert, to choose by.
    func choose(_ scores: [Float]) -> [Int] {
        func best(_ places: some Sequence<Int>, _ count: Int, _ score: (Int) -> Float) -> [Int] {
            Array(places.sorted { score($0) != score($1) ? score($0) > score($1) : $0 < $1 }.prefix(count))
        }
        var candidates = Array(scores.indices)
        if usedGroups < groups {
            let size = count / groups
            let ofGroups = (0..<groups).map { group in
                best(group * size..<(group + 1) * size, groupsByTwo ? 2 : 1) { scores[$0] }.reduce(0) { $0 + scores[$1] }
            }
            let chosen = Set(best(0..<groups, usedGroups) { ofGroups[$0] })
            candidates = candidates.filter { chosen.contains($0 / size) }
        }
        return best(candidates, used) { scores[$0] }.sorted()
    }
}
