/// The experts of each token of a batch, and their weights.
struct ExpertAssignment {
    /// The tokens of an expert, in order, and the place of this expert among those of each.
    struct Tokens {
        fileprivate(set) var tokens: [Int] = []
        fileprivate(set) var places: [Int] = []
    }

    /// All experts' scores: one vector per token.
    let scores: FloatMatrix
    /// The weights of a token's experts: one vector per token.
    let weights: FloatMatrix
    let ofExperts: [Tokens]
    private let numbers: FloatMatrix

    /// - Parameter chosen: the numbers of a token's experts, which are exact in Float.
    init(experts: Int, scores: FloatMatrix, chosen: FloatMatrix, weights: FloatMatrix) {
        var all = [Tokens](repeating: Tokens(), count: experts)
        for t in 0..<chosen.count {
            for place in 0..<chosen.width {
                let expert = Int(chosen[t, place])
                all[expert].tokens.append(t)
                all[expert].places.append(place)
            }
        }
        self.scores = scores
        self.weights = weights
        ofExperts = all
        numbers = chosen
    }

    /// The experts of a token.
    func chosen(_ t: Int) -> [Int] { (0..<numbers.width).map { Int(numbers[t, $0]) } }
}
