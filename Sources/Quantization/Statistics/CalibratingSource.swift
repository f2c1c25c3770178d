package import Inference
package import QAMFormat
import Synchronization

/// The calibration statistics of a text, computed while they are read: each tensor once and in order, as `transfer` reads them with one thread. Only the
/// statistics of one layer are in memory at a time.
package final class CalibratingSource: TensorSource {
    package let inputs: [String]
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
        layout = CalibrationLayout(
            inputs: calibrator.inputs, hasHessians: calibrator.gathersHessians, outputs: calibrator.gathersGradients ? calibrator.outputs : [],
            tokens: windows * calibrator.context, context: calibrator.context)
        inputs = paths
        gathering = Mutex(Gathering(run: try CalibrationRun(calibrator, tokens: tokens, windows: windows), progress: progress))
    }

    package var metadata: Metadata { layout.metadata }
    package var tensors: [TensorDescriptor] { layout.tensors }
    package var fingerprint: String { "calibration" }

    /// One row.
    package func granule(of tensor: Int) -> Int { tensors[tensor].columns * MemoryLayout<Float>.stride }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let granule = granule(of: tensor), rows = units.lowerBound / granule..<units.upperBound / granule
        return try gathering.withLock { gathering in
            guard let bytes = try gathering.rows(rows, of: layout.contents[tensor]) else {
                throw QAMError(.invalidArgument, "statistics are read once, in their order", at: .init(tensor: tensors[tensor].name))
            }
            return TensorChunk(streams: [bytes])
        }
    }
}

/// The run, with the statistics of its last layer.
private struct Gathering {
    private var run: CalibrationRun
    private let progress: @Sendable (Int, Int) throws -> Void
    private var layer: Calibrator.Layer?
    /// The numbers of inputs and outputs before this layer's.
    private var passed = (inputs: 0, outputs: 0)

    init(run: CalibrationRun, progress: @escaping @Sendable (Int, Int) throws -> Void) {
        self.run = run
        self.progress = progress
    }

    /// Rows of a tensor's content; nil if the run has passed it. Advances the run as needed.
    mutating func rows(_ rows: Range<Int>, of content: CalibrationLayout.Content) throws -> [UInt8]? {
        while true {
            switch layer {
            case .inputs(let inputs)? where content.statistic != .outputHessian:
                guard content.index >= passed.inputs else { return nil }
                if content.index < passed.inputs + inputs.count {
                    return try Self.rows(rows, of: content.statistic, inputs[content.index - passed.inputs])
                }
            case .outputs(let outputs)?:
                guard content.statistic == .outputHessian, content.index >= passed.outputs else { return nil }
                if content.index < passed.outputs + outputs.count { return try Self.rows(rows, of: outputs[content.index - passed.outputs].hessian) }
            case .inputs?, nil: break
            }
            guard try advance() else { return nil }
        }
    }

    /// Releases the current layer, so that two are never held, and runs the next. False at the end.
    private mutating func advance() throws -> Bool {
        switch layer {
        case .inputs(let inputs)?: passed.inputs += inputs.count
        case .outputs(let outputs)?: passed.outputs += outputs.count
        case nil: break
        }
        layer = nil
        layer = try run.next(progress: progress)
        return layer != nil
    }

    private static func rows(_ rows: Range<Int>, of statistic: CalibrationLayout.Statistic, _ input: Calibrator.Input) throws -> [UInt8] {
        switch statistic {
        case .meanMagnitude: try bytes(input.statistics.meanMagnitudes, rows)
        case .largest: try bytes(input.statistics.largest, rows)
        case .hessian: try input.hessian.map { try Self.rows(rows, of: $0) } ?? []
        case .outputHessian: []
        case .meanSquare: try bytes(input.statistics.meanSquares, rows)
        }
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
