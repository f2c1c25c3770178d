/// What the search for codes may cost. The time of decoding and multiplying, and the bytes stored, do not depend on it.
public enum Effort: String, CaseIterable, Sendable {
    /// The least time that a good code takes.
    case fast
    /// Most of the quality, in a fraction of the time.
    case normal
    /// The least error.
    case best
}
