public import QAMFormat

extension Quantizer {
    /// What is coded, and how. The defaults are those of `qamw quantize`.
    public struct Options: Sendable {
        /// The bits that a weight takes.
        public enum Rate: Hashable, Sendable {
            /// What is usual with the family: 5.5, or its only rate.
            case usual
            /// So many in each tensor that no inclusion gives others. `Code.Family.codes` has those that a family has.
            case bits(Double)
            /// So many on average over all quantized tensors, all overhead included, each at the rate that makes errors cost least. Takes statistics.
            case average(Double)
        }

        /// The bits that weights take.
        public var rate = Rate.usual
        /// The family of codes.
        public var family = Code.Family.octant
        /// Which tensors are coded.
        public var recipe = Recipe.Name.linear
        /// Tensors that are coded too: regular expressions that are looked for in names, with bits of their own after a last `=`. Of several that match
        /// the last counts.
        public var inclusions: [String] = []
        /// Tensors that are not: regular expressions, which win over inclusions.
        public var exclusions: [String] = []
        /// The largest block of the rotation: a power of two from 2 to 32,768.
        public var blockSize = 1024
        /// The seed of the rotation's signs.
        public var seed: UInt64 = 0
        /// Whether each row's gain is fitted to its codewords by least squares, which costs nothing to store; nil for what is usual with the family.
        public var fitsGains: Bool?
        /// How far errors of coded weights are fed, as far as the statistics reach.
        public var feedback = Feedback.on
        /// How channels are scaled by the statistics; nil for `optimal` where no tensor is coded with feedback and the codes are rotated, and else `off`.
        public var scaling: Scaling?
        /// Whether a tensor that is wanted and cannot be coded is an error; otherwise it stays as it is.
        public var isStrict = false
        /// The threads that work. The result does not depend on it.
        public var threads = WorkerPool.coreCount

        /// The defaults.
        public init() {}

        /// The rules of the recipe. Throws `invalidArgument` for any option that makes no sense.
        package func checkedRecipe() throws -> Recipe {
            guard (2...32768).contains(blockSize), blockSize & (blockSize - 1) == 0 else {
                throw QAMError(.invalidArgument, "the block size is a power of two from 2 to 32768, not \(blockSize)")
            }
            guard threads >= 1 else { throw QAMError(.invalidArgument, "\(threads) threads do no work") }
            var code = family.usual
            switch rate {
            case .usual: break
            case .bits(let bits): code = try Code(family, bits: bits)
            case .average(let target):
                guard target > 0, target <= 64 else { throw QAMError(.invalidArgument, "the average rate is a positive number up to 64, not \(target)") }
                guard family.codes.count > 1 else {
                    throw QAMError(.invalidArgument, "rates are chosen among those of a family, and \(family.name) has one only")
                }
            }
            var rules = Recipe(recipe, code: code)
            for rule in inclusions { try rules.include(rule) }
            for rule in exclusions { try rules.exclude(rule) }
            return rules
        }
    }

    /// What the errors of coded weights are fed into.
    public enum Feedback: String, CaseIterable, Sendable {
        /// The columns and rows that come after them, as far as the statistics have second moments of inputs and outputs.
        case on
        /// The columns that come after them.
        case columns
        /// Nothing.
        case off

        /// What is wanted of what is possible.
        func limit(_ possible: QuantizationChoice.Feedback) -> QuantizationChoice.Feedback {
            switch self {
            case .on: possible
            case .columns: possible == .off ? .off : .columns
            case .off: .off
            }
        }
    }

    /// How channels are scaled before they are coded; left out where it would not help.
    public enum Scaling: String, CaseIterable, Sendable {
        case off = "none"
        /// By (mean |x|)^0.3.
        case published
        /// So that the outputs err least.
        case optimal
        /// By SmoothQuant's rule, (max |x| / max |w|)^0.5: for codes that are not rotated and meet activations of eight bits.
        case smooth

        var rule: ChannelScaling? {
            switch self {
            case .off: nil
            case .published: .published
            case .optimal: .optimal
            case .smooth: .smooth
            }
        }
    }
}
