/// What an expression means.
indirect enum TextPatternNode: Hashable {
    case set(ScalarSet)
    case sequence([TextPatternNode])
    case alternatives([TextPatternNode])
    case repetition(TextPatternNode, atLeast: Int, atMost: Int, RepetitionKind)
    case look(TextPatternNode, isNegated: Bool)
    case lineStart, lineEnd, textStart, textEnd
    case wordBoundary(isNegated: Bool)

    enum RepetitionKind: Hashable { case greedy, lazy, possessive }

    /// Whether it can match nothing.
    var isNullable: Bool {
        switch self {
        case .set: false
        case .sequence(let parts): parts.allSatisfy(\.isNullable)
        case .alternatives(let parts): parts.contains(where: \.isNullable)
        case .repetition(let part, let atLeast, _, _): atLeast == 0 || part.isNullable
        case .look, .lineStart, .lineEnd, .textStart, .textEnd, .wordBoundary: true
        }
    }
}
