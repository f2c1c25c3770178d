import QAMFormat
internal import Synchronization

/// The factors of inputs while tensors that read them are coded: each is made when the first rows of a tensor need it, and let
/// go after the last rows of the last tensor, so that those of few layers exist at a time.
final class FeedbackFactors: Sendable {
    /// What tensors must have in common to share a factor.
    struct Key: Hashable, Sendable {
        let input: Int
        let rotation: Rotation
        let channelScales: [Float]?
    }

    private struct Entry {
        var factor: FeedbackFactor?
        /// The tensor that comes last, and its rows that are not yet coded.
        var lastTensor = 0
        var rowsLeft = 0
    }

    let calibration: CalibrationFile
    /// The threads that factor, and code what is coded as a whole.
    let pool: WorkerPool
    /// Called time and again; what it throws ends the work.
    let checkpoint: @Sendable () throws -> Void
    private let entries: Mutex<[Key: Entry]>

    /// - Parameter users: tensors in their order, with their rows.
    init(_ calibration: CalibrationFile, users: [(tensor: Int, rows: Int, key: Key)], threads: Int, checkpoint: @escaping @Sendable () throws -> Void) throws {
        self.calibration = calibration
        self.checkpoint = checkpoint
        pool = try WorkerPool(width: threads)
        var entries: [Key: Entry] = [:]
        for (tensor, rows, key) in users { entries[key] = Entry(lastTensor: tensor, rowsLeft: rows) }
        self.entries = Mutex(entries)
    }

    /// The factor, which is made where it is not there; others who want one wait meanwhile.
    ///
    /// - Throws: what reading and factoring the second moments throws.
    func factor(_ key: Key) throws -> FeedbackFactor {
        try entries.withLock { entries in
            if let factor = entries[key]?.factor { return factor }
            let factor = try FeedbackFactor(key.rotation, channelScales: key.channelScales, vectors: calibration.vectorCount, pool: pool, checkpoint: checkpoint) {
                try calibration.secondMoment(of: key.input, rows: $0)
            }
            entries[key]?.factor = factor
            return factor
        }
    }

    /// Counts coded rows of a tensor.
    func finish(rows: Int, of tensor: Int, _ key: Key) {
        entries.withLock { entries in
            guard entries[key]?.lastTensor == tensor else { return }
            entries[key]?.rowsLeft -= rows
            if let left = entries[key]?.rowsLeft, left <= 0 { entries[key]?.factor = nil }
        }
    }
}
