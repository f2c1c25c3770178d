public import QAMFormat

extension Quantizer {
    /// The plan for a model: everything that is known before its weights are coded.
    public struct Plan: Sendable {
        /// The decision about a tensor that is not an alias.
        public struct Decision: Hashable, Sendable {
            /// Coded, or left unchanged.
            public enum Outcome: Hashable, Sendable {
                /// Coded with this many bits per weight; `feedsBack` if its errors are fed into other weights.
                case coded(bits: Double, feedsBack: Bool)
                /// Left unchanged, for this reason.
                case left(reason: String)
            }

            /// Its index in the coded source.
            public let tensor: Int
            /// Its name in the source.
            public let name: String
            /// The number of its elements.
            public let weights: Int
            /// What the plan does with the tensor.
            public internal(set) var outcome: Outcome
        }

        /// In the order in which tensors are coded: the source's, unless statistics are computed meanwhile.
        public let decisions: [Decision]
        /// The effect of channel scales on the matrices of each input; nil if channels are not scaled.
        public let scaling: [ScalingOutcome]?
        /// The chosen rates; nil if they were given.
        public let rates: RateChoice?
        /// Warnings for the user, those of the source first.
        public let warnings: [String]
        /// The model with float16 gains everywhere: its final form, unless rows need float32 gains.
        package let outline: any TensorSource
        /// The model, in the order in which it is coded.
        let source: any TensorSource
        let choices: QuantizationPlan
        let quantizer: Quantizer
        let statistics: CalibrationFile?
        let gaussianErrors: [Int: Double]

        /// The size of the coded model. Exact unless rows need float32 gains, which `codedSource` finds out.
        public var size: ModelSize { ModelSize(outline) }

        /// The number of threads that should read the coded source. Statistics that are computed are needed in order: one thread reads, and coding uses all.
        package var readingThreads: Int { statistics?.isComputed == true ? 1 : quantizer.options.threads }

        /// The expected normalised mean squared error for Gaussian weights. With `distortion`, coded tensors are weighted by their energy instead of
        /// their number of weights.
        public func gaussianError(weighedBy distortion: [Int: Distortion]? = nil) -> Double {
            var sum = Distortion()
            for (tensor, error) in gaussianErrors.sorted(by: { $0.key < $1.key }) {
                let energy = distortion.map { $0[tensor]?.energy ?? 0 } ?? Double(source.tensors[tensor].elementCount)
                sum += Distortion(error: energy * error, energy: energy)
            }
            return sum.normalized
        }

        /// The model with its planned tensors coded as they are read, in chunks that carry their distortion. Reads the weights once to determine gain types.
        ///
        /// - Parameter progress: called on the caller's task; an error that it throws cancels the work.
        /// - Throws: `QAMError.malformed` with tensor and row for weights that are not finite, and errors from reading and the checkpoint.
        public func codedSource(progress: (Progress) throws -> Void = { _ in }) async throws -> any TensorSource {
            try await QuantizingSource.scanning(
                source, plan: choices, calibration: statistics, threads: quantizer.options.threads, checkpoint: quantizer.checkpoint
            ) {
                try progress(Progress(phase: .scanning, done: $0, total: $1, item: $2))
            }
        }
    }
}
