internal import Converters
internal import Inference
internal import QAMFormat

/// What a model generates: as tokens and, where its tokenizer is known, as text, written as it comes.
struct Answer {
    private(set) var tokens: [UInt32] = []
    private(set) var text = ""
    private let promptCount: Int
    private var promptSeconds = 0.0, seconds = 0.0
    private var stream: TextStream?
    private let shows: Bool

    /// Whether the answer was ended by the user, and whether by the model.
    private(set) var wasInterrupted = false
    private(set) var isComplete = false

    private init(promptCount: Int, stream: TextStream?, shows: Bool) { (self.promptCount, self.stream, self.shows) = (promptCount, stream, shows) }

    /// Generates up to `count` tokens, or until one of `ends`.
    ///
    /// - Parameters:
    ///   - tokenizer: nil where ids are wanted.
    ///   - shows: whether the text is written to standard output.
    ///   - quiet: whether no progress is shown.
    ///   - interrupted: called where the user interrupts; whether what there is counts as the answer.
    static func of(
        _ generator: Generator, _ prompt: [UInt32], count: Int, sampler: inout Sampler, _ tokenizer: TextTokenizer?, ends: Set<UInt32>, shows: Bool,
        quiet: Bool, interrupted: () -> Bool = { false }
    ) throws -> Answer {
        var answer = Answer(promptCount: prompt.count, stream: tokenizer?.stream(skippingSpecial: true), shows: shows)
        let bar = ProgressBar("Reading", quiet: quiet, countsBytes: false), start = ContinuousClock.now
        defer { bar.clear() }
        var first: ContinuousClock.Instant?
        do {
            try generator.run(prompt, count: count, sampler: &sampler) {
                try bar.report($0, of: $1, item: "")
            } _: { token in
                if first == nil {
                    first = .now
                    bar.clear()
                }
                answer.isComplete = ends.contains(token)
                if answer.isComplete { return false }
                answer.tokens.append(token)
                try answer.show(answer.stream?.append(token) ?? "")
                return true
            }
        } catch let error as QAMError where error.code == .interrupted && interrupted() {
            answer.wasInterrupted = true
        }
        let read = first ?? .now
        (answer.promptSeconds, answer.seconds) = ((read - start).seconds, (ContinuousClock.now - read).seconds)
        try answer.show(answer.stream?.finish() ?? "")
        if shows { try Console.print(tokenizer == nil ? answer.tokens.map(String.init).joined(separator: " ") : "") }
        return answer
    }

    private mutating func show(_ more: String) throws {
        text += more
        if shows, !more.isEmpty { try Console.writeText(more) }
    }

    /// Single tokens a second, without the first.
    var speed: Double { tokens.count > 1 && seconds > 0 ? Double(tokens.count - 1) / seconds : 0 }
    var promptSpeed: Double { promptSeconds > 0 ? Double(promptCount) / promptSeconds : 0 }
}
