public import QAMFormat

extension Quantizer {
    /// What becomes of a model: all that can be told before its weights are coded.
    public struct Plan: Sendable {
        /// What becomes of a tensor that is no alias.
        public struct Decision: Hashable, Sendable {
            /// Coded, or left as it is.
            public enum Outcome: Hashable, Sendable {
                /// It is coded with so many bits a weight; `feedsBack` where its errors are fed into others of its weights.
                case coded(bits: Double, feedsBack: Bool)
                /// It stays as it is, for this reason.
                case left(reason: String)
            }

            /// Its place in the source's list.
            public let tensor: Int
            /// Its name in the source.
            public let name: String
            /// The number of its elements.
            public let weights: Int
            /// What becomes of it.
            public internal(set) var outcome: Outcome
        }

        /// In the source's order.
        public let decisions: [Decision]
        /// What channel scales do to the matrices of each input; nil where channels are not scaled.
        public let scaling: [ScalingOutcome]?
        /// The rates that were chosen; nil where they were given.
        public let rates: RateChoice?
        /// What the user should know, those of the source before all others.
        public let warnings: [String]
        /// The model with all gains of two bytes: what it comes to, unless rows need gains of four.
        package let outline: any TensorSource
        let source: any TensorSource
        let choices: QuantizationPlan
        let quantizer: Quantizer
        let statistics: CalibrationFile?
        let gaussianErrors: [Int: Double]

        /// What the coded model comes to. Exact unless rows need gains of four bytes, which `codedSource` finds out.
        public var size: ModelSize { ModelSize(outline) }

        /// The normalised mean squared error to be expected of weights that are Gaussian. What is known of coded tensors weighs them by their energy
        /// instead of by their number of weights.
        public func gaussianError(weighedBy distortion: [Int: Distortion]? = nil) -> Double {
            var sum = Distortion()
            for (tensor, error) in gaussianErrors.sorted(by: { $0.key < $1.key }) {
                let energy = distortion.map { $0[tensor]?.energy ?? 0 } ?? Double(source.tensors[tensor].elementCount)
                sum += Distortion(error: energy * error, energy: energy)
            }
            return sum.normalized
        }

        /// The model with its planned tensors coded as they are read, in chunks that carry what coding cost them. Reads the weights once for the types
        /// of their gains.
        ///
        /// - Parameter progress: told how far the work is, on the caller's task; what it throws ends the work.
        /// - Throws: `QAMError.malformed` with tensor and row for weights that are not finite, and what reading and the checkpoint throw.
        public func codedSource(progress: (Progress) throws -> Void = { _ in }) async throws -> any TensorSource {
            try await QuantizingSource.scanning(
                source, plan: choices, calibration: statistics, threads: quantizer.options.threads, checkpoint: quantizer.checkpoint
            ) {
                try progress(Progress(phase: .scanning, done: $0, total: $1, item: $2))
            }
        }
    }
}
