import QAMFormat
internal import Synchronization

/// The factors of inputs, shared by tensors that read the same input: each is computed when first needed and released after the last rows of its last tensor,
/// so that only the factors of a few layers exist at a time.
final class FeedbackFactors: Sendable {
    /// What tensors must have in common to share a factor.
    struct Key: Hashable, Sendable {
        let input: Int
        let transform: RowTransform
        /// Of the coder.
        let unitColumns: Int
    }

    /// The factor of one key, with its own lock: computing it takes long, and other factors are computed meanwhile.
    private final class Slot: Sendable {
        struct State {
            var factor: FeedbackFactor?
            var rowsLeft: Int
        }

        /// The last tensor that uses the factor.
        let lastTensor: Int
        let state: Mutex<State>

        init(lastTensor: Int, rows: Int) {
            self.lastTensor = lastTensor
            state = Mutex(State(factor: nil, rowsLeft: rows))
        }
    }

    let calibration: CalibrationFile
    /// The threads that factor matrices and code whole tensors.
    let pool: WorkerPool
    /// Called regularly; an error that it throws cancels the work.
    let checkpoint: @Sendable () throws -> Void
    private let slots: [Key: Slot]

    /// - Parameter users: tensors in ascending order, with their rows.
    init(_ calibration: CalibrationFile, users: [(tensor: Int, rows: Int, key: Key)], threads: Int, checkpoint: @escaping @Sendable () throws -> Void) throws {
        self.calibration = calibration
        self.checkpoint = checkpoint
        pool = try WorkerPool(width: threads)
        var slots: [Key: Slot] = [:]
        for (tensor, rows, key) in users { slots[key] = Slot(lastTensor: tensor, rows: rows) }
        self.slots = slots
    }

    /// The factor, computed on first use; concurrent callers with the same key wait.
    ///
    /// - Throws: errors from reading and factoring the Hessian.
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
        try FeedbackFactor(key.transform, unitColumns: key.unitColumns, vectors: calibration.vectorCount, pool: pool, checkpoint: checkpoint) {
            try calibration.hessian(of: key.input, rows: $0)
        }
    }

    /// Records coded rows of a tensor.
    func finish(rows: Int, of tensor: Int, _ key: Key) {
        guard let slot = slots[key], slot.lastTensor == tensor else { return }
        slot.state.withLock { state in
            state.rowsLeft -= rows
            if state.rowsLeft <= 0 { state.factor = nil }
        }
    }
}
