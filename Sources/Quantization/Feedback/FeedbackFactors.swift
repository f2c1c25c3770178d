import QAMFormat
internal import Synchronization

/// The factors of inputs while tensors that read them are coded: each is made when the first rows of a tensor need it, and let
/// go after the last rows of the last tensor, so that those of few layers exist at a time.
final class FeedbackFactors: Sendable {
    /// What tensors must have in common to share a factor.
    struct Key: Hashable, Sendable {
        let input: Int
        let transform: RowTransform
    }

    /// The factor of one key. It has a lock of its own: making it takes long, and others are made meanwhile.
    private final class Slot: Sendable {
        struct State {
            var factor: FeedbackFactor?
            var rowsLeft: Int
        }

        /// The tensor that comes last.
        let lastTensor: Int
        let state: Mutex<State>

        init(lastTensor: Int, rows: Int) {
            self.lastTensor = lastTensor
            state = Mutex(State(factor: nil, rowsLeft: rows))
        }
    }

    let calibration: CalibrationFile
    /// The threads that factor, and code what is coded as a whole.
    let pool: WorkerPool
    /// Called time and again; what it throws ends the work.
    let checkpoint: @Sendable () throws -> Void
    private let slots: [Key: Slot]

    /// - Parameter users: tensors in their order, with their rows.
    init(_ calibration: CalibrationFile, users: [(tensor: Int, rows: Int, key: Key)], threads: Int, checkpoint: @escaping @Sendable () throws -> Void) throws {
        self.calibration = calibration
        self.checkpoint = checkpoint
        pool = try WorkerPool(width: threads)
        var slots: [Key: Slot] = [:]
        for (tensor, rows, key) in users { slots[key] = Slot(lastTensor: tensor, rows: rows) }
        self.slots = slots
    }

    /// The factor, which is made where it is not there; others who want the same one wait meanwhile.
    ///
    /// - Throws: what reading and factoring the second moments throws.
    func factor(_ key: Key) throws -> FeedbackFactor {
        guard let slot = slots[key] else { return try make(key) }
        return try slot.state.withLock { state in
            if let factor = state.factor { return factor }
            let factor = try make(key)
            state.factor = factor
            return factor
        }
    }

    private func make(_ key: Key) throws -> FeedbackFactor {
        try FeedbackFactor(key.transform, vectors: calibration.vectorCount, pool: pool, checkpoint: checkpoint) {
            try calibration.secondMoment(of: key.input, rows: $0)
        }
    }

    /// Counts coded rows of a tensor.
    func finish(rows: Int, of tensor: Int, _ key: Key) {
        guard let slot = slots[key], slot.lastTensor == tensor else { return }
        slot.state.withLock { state in
            state.rowsLeft -= rows
            if state.rowsLeft <= 0 { state.factor = nil }
        }
    }
}
