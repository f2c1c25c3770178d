public import QAMFormat

extension Quantizer {
    /// What is coded, and how. The defaults are those of `qamw quantize`.
    public struct Options: Sendable {
        /// Bits per weight.
        public enum Rate: Hashable, Sendable {
            /// The family's default: 5.5, or its only rate. With statistics of inputs and gradients for all tensors, the rate of each is chosen as for `average`, with
            /// the size that this rate would give.
            case usual
            /// The same for each tensor, unless an inclusion sets others. `Code.Family.codes` lists a family's rates.
            case bits(Double)
            /// An average over all weights of the model, including raw tensors and all overhead, with the rate of each tensor chosen to minimise the cost of
            /// errors. Requires statistics.
            case average(Double)
            /// The bytes of the model's file, otherwise like `average`.
            case bytes(Int)

            /// Whether the rate of each tensor is chosen by statistics.
            package var isChosen: Bool {
                switch self {
                case .usual, .bits: false
                case .average, .bytes: true
                }
            }
        }

        /// The bits that weights take.
        public var rate = Rate.usual
        /// The family of codes.
        public var family = Code.Family.octant
        /// What the search for codes may cost.
        public var effort = Effort.normal
        /// Which tensors are coded.
        public var recipe = Recipe.Name.model
        /// Tensors to be coded in addition: regular expressions that are searched for in names, optionally followed by `=` and their bits. The last match wins.
        public var inclusions: [String] = []
        /// Tensors to be left unchanged: regular expressions, which take precedence over inclusions.
        public var exclusions: [String] = []
        /// The largest block of the rotation: a power of two from 2 to 32,768.
        public var blockSize = 1024
        /// The seed of the rotation's signs.
        public var seed: UInt64 = 0
        /// Whether each row's gain is refitted to its codewords by least squares, at no storage cost; nil for the family's default.
        public var fitsGains: Bool?
        /// How far coding errors are fed, within what the statistics allow.
        public var feedback = Feedback.on
        /// How channels are scaled by the statistics; nil for `optimal` if no tensor is coded with feedback and the codes are rotated, and `off` otherwise.
        public var scaling: Scaling?
        /// The type of floating-point tensors that are left uncoded.
        public var rawType = RawType.keep
        /// Whether a selected tensor that cannot be coded is an error; otherwise it is left unchanged.
        public var isStrict = false
        /// The number of threads. The result does not depend on it.
        public var threads = WorkerPool.coreCount

        /// The defaults.
        public init() {}

        /// Whether there can be no result without statistics.
        package var needsStatistics: Bool { rate.isChosen || scaling.map { $0 != .off } == true }

        /// The rules of the recipe. Throws `invalidArgument` for invalid options.
        package func checkedRecipe() throws -> Recipe {
            guard Rotation.isBlockSize(blockSize) else {
                throw QAMError(.invalidArgument, "the block size is a power of two from 2 to 32768, not \(blockSize)")
            }
            guard threads >= 1 else { throw QAMError(.invalidArgument, "\(threads) threads do no work") }
            var code = family.usual
            switch rate {
            case .usual: break
            case .bits(let bits): code = try Code(family, bits: bits)
            case .average(let target) where !(target > 0 && target <= 64):
                throw QAMError(.invalidArgument, "the average rate is a positive number up to 64, not \(target)")
            case .average, .bytes:
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

    /// The type of floating-point tensors that are left uncoded.
    public enum RawType: String, CaseIterable, Sendable {
        /// That of the source.
        case keep
        /// 32-bit.
        case f32
        /// IEEE 754 half precision: values from 65,520 on become infinite, which is reported.
        case f16
        /// The upper half of a 32-bit number.
        case bf16

        var dtype: DType? {
            switch self {
            case .keep: nil
            case .f32: .f32
            case .f16: .f16
            case .bf16: .bf16
            }
        }
    }

    /// What coding errors are fed into.
    public enum Feedback: String, CaseIterable, Sendable {
        /// Later columns and rows, as far as the statistics have Hessians of inputs and outputs.
        case on
        /// Later columns.
        case columns
        /// Nothing.
        case off

        /// The requested feedback, limited to what is possible.
        func limit(_ possible: QuantizationChoice.Feedback) -> QuantizationChoice.Feedback {
            switch self {
            case .on: possible
            case .columns: possible == .off ? .off : .columns
            case .off: .off
            }
        }
    }

    /// How channels are scaled before coding; scales that would not help are left out.
    public enum Scaling: String, CaseIterable, Sendable {
        case off = "none"
        /// By (mean |x|)^0.3.
        case published
        /// Minimises the error of the outputs.
        case optimal
        /// By SmoothQuant's rule, (max |x| / max |w|)^0.5: for codes without rotation whose activations are 8-bit integers.
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
