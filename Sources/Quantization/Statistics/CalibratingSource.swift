package import Inference
package import QAMFormat
import Synchronization

/// The calibration statistics of a text, computed as they are read. The statistics of one part of the model are in memory at a time, so they should be read part
/// after part; those of an earlier part are computed again, from the start.
package final class CalibratingSource: TensorSource {
    /// The files of the model and of the text.
    package let inputs: [String]
    package let fingerprint: String
    private let layout: CalibrationLayout
    private let gathering: Mutex<Gathering>

    /// - Parameters:
    ///   - windows: the number of windows of the text to use.
    ///   - paths: the input files, which the output must not replace.
    ///   - progress: gets the number of windows done, over all layers, and their total; an error that it throws ends the read.
    /// - Throws: errors from `CalibrationRun`.
    package init(
        _ calibrator: Calibrator, tokens: [UInt32], windows: Int, paths: [String], progress: @escaping @Sendable (Int, Int) throws -> Void
    ) throws {
        let parts = calibrator.parts
        layout = CalibrationLayout(
            parts: parts, hasHessians: calibrator.gathersHessians, tokens: windows * calibrator.context, context: calibrator.context)
        inputs = paths
        let text = tokens.prefix(windows * calibrator.context).flatMap { token in (0..<4).map { UInt8(truncatingIfNeeded: token >> (8 * UInt32($0))) } }
        fingerprint = "calibration \(XXH3.hash(text)) \(windows) x \(calibrator.context), \(calibrator.gathersHessians) \(calibrator.gathersGradients)"
        gathering = Mutex(Gathering(parts: parts.count, progress: progress) { try CalibrationRun(calibrator, tokens: tokens, windows: windows) })
    }

    /// What the parts gathered so far are warned of.
    package var gatheringWarnings: [String] {
        let count = gathering.withLock { $0.unusedExperts.values.reduce(0, +) }
        guard count > 0 else { return [] }
        return ["\(count) experts are used by no token of the text: they are coded by the statistics of the others of their layer; a longer text may use them"]
    }

    package var metadata: Metadata { layout.metadata }
    package var tensors: [TensorDescriptor] { layout.tensors }

    /// One row.
    package func granule(of tensor: Int) -> Int { tensors[tensor].columns * MemoryLayout<Float>.stride }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let granule = granule(of: tensor), rows = units.lowerBound / granule..<units.upperBound / granule
        return try gathering.withLock { TensorChunk(streams: [try $0.rows(rows, of: layout.contents[tensor])]) }
    }
}

/// The run, with the statistics of its last part.
private struct Gathering {
    /// The number of parts.
    private let count: Int
    private let start: () throws -> CalibrationRun
    private let progress: @Sendable (Int, Int) throws -> Void
    private var run: CalibrationRun?
    private var part: (index: Int, statistics: Calibrator.Part)?
    /// By part: one may be gathered again.
    private(set) var unusedExperts: [Int: Int] = [:]

    init(parts count: Int, progress: @escaping @Sendable (Int, Int) throws -> Void, start: @escaping @Sendable () throws -> CalibrationRun) {
        (self.count, self.start, self.progress) = (count, start, progress)
    }

    /// Rows of a tensor's content. Runs the model up to its part.
    mutating func rows(_ rows: Range<Int>, of content: CalibrationLayout.Content) throws -> [UInt8] {
        if let part, part.index > content.part {
            self.part = nil
            run = nil
        }
        while part?.index != content.part { try advance() }
        guard let part = part?.statistics else { return [] }
        switch content.statistic {
        case .meanMagnitude: return try Self.bytes(part.inputs[content.index].statistics.meanMagnitudes, rows)
        case .largest: return try Self.bytes(part.inputs[content.index].statistics.largest, rows)
        case .hessian: return try part.inputs[content.index].hessian.map { try Self.rows(rows, of: $0) } ?? []
        case .outputHessian: return try Self.rows(rows, of: part.outputs[content.index].hessian)
        case .meanSquare: return try Self.bytes(part.inputs[content.index].statistics.meanSquares, rows)
        case .tokenWeight: return try Self.bytes(part.tokenWeights[content.index].means, rows)
        }
    }

    /// Releases the current part, so that two are never held, and runs the next.
    private mutating func advance() throws {
        let next = part.map { $0.index + 1 } ?? 0
        part = nil
        var run = try self.run ?? start()
        // After an error the run starts again.
        self.run = nil
        guard let statistics = try run.next(progress: progress) else {
            throw QAMError(.invalidArgument, "the run has no part \(next)")
        }
        // The vectors are not needed after the last part.
        if next + 1 < count { self.run = run }
        part = (next, statistics)
        unusedExperts[next] = statistics.unusedExperts
    }

    /// A vector of statistics has one row.
    private static func bytes(_ statistics: [Float], _ rows: Range<Int>) throws -> [UInt8] {
        rows.isEmpty ? [] : try ElementConversion.bytes(statistics, as: .f32)
    }

    /// Rows of a Hessian, converted in small batches.
    private static func rows(_ rows: Range<Int>, of hessian: HessianSum) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rows.count * hessian.width * MemoryLayout<Float>.stride)
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: 64) {
            bytes += try ElementConversion.bytes(hessian.mean(rows: start..<min(start + 64, rows.upperBound)), as: .f32)
        }
        return bytes
    }
}
