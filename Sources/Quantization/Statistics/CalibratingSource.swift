package import Inference
package import QAMFormat
import Synchronization

/// The statistics of a text in a model, which are gathered while they are read: the tensors once each and in their order, as `transfer` reads
/// them with one thread. The statistics of one layer are held at a time.
package final class CalibratingSource: TensorSource {
    package let inputs: [String]
    private let layout: CalibrationLayout
    private let gathering: Mutex<Gathering>

    /// - Parameters:
    ///   - windows: the first so many of the text.
    ///   - paths: the files that were read for it, which the output must not replace.
    ///   - progress: told after each window of each layer how many of how many are done; what it throws ends the read.
    /// - Throws: what `CalibrationRun` throws.
    package init(
        _ calibrator: Calibrator, tokens: [UInt32], windows: Int, paths: [String], progress: @escaping @Sendable (Int, Int) throws -> Void
    ) throws {
        layout = CalibrationLayout(
            inputs: calibrator.inputs, hasMoments: calibrator.gathersMoments, outputs: calibrator.gathersGradients ? calibrator.outputs : [],
            tokens: windows * calibrator.context, context: calibrator.context)
        inputs = paths
        gathering = Mutex(Gathering(run: try CalibrationRun(calibrator, tokens: tokens, windows: windows), progress: progress))
    }

    package var metadata: Metadata { layout.metadata }
    package var tensors: [TensorDescriptor] { layout.tensors }
    package var fingerprint: String { "calibration" }

    /// A row.
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

/// The run, and what it has gathered of the layer that it passed last.
private struct Gathering {
    private var run: CalibrationRun
    private let progress: @Sendable (Int, Int) throws -> Void
    private var layer: Calibrator.Layer?
    /// The inputs, then the outputs, that were gathered before this layer's.
    private var passed = (inputs: 0, outputs: 0)

    init(run: CalibrationRun, progress: @escaping @Sendable (Int, Int) throws -> Void) {
        self.run = run
        self.progress = progress
    }

    /// Rows of what a tensor holds; nil where the run has passed it. Takes the run on to it.
    mutating func rows(_ rows: Range<Int>, of content: CalibrationLayout.Content) throws -> [UInt8]? {
        while true {
            switch layer {
            case .inputs(let inputs)? where content.statistic != .outputMoment:
                guard content.index >= passed.inputs else { return nil }
                if content.index < passed.inputs + inputs.count {
                    return try Self.rows(rows, of: content.statistic, inputs[content.index - passed.inputs])
                }
            case .outputs(let outputs)?:
                guard content.statistic == .outputMoment, content.index >= passed.outputs else { return nil }
                if content.index < passed.outputs + outputs.count { return try Self.rows(rows, of: outputs[content.index - passed.outputs].moment) }
            case .inputs?, nil: break
            }
            guard try advance() else { return nil }
        }
    }

    /// Lets go of the layer, so that two are never held, and takes the run through the next. False at its end.
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
        case .secondMoment: try input.secondMoment.map { try Self.rows(rows, of: $0) } ?? []
        case .outputMoment: []
        default: try bytes(input.statistics.meanSquares, rows)
        }
    }

    /// A vector of statistics is one row.
    private static func bytes(_ statistics: [Float], _ rows: Range<Int>) throws -> [UInt8] {
        rows.isEmpty ? [] : try ElementConversion.bytes(statistics, as: .f32)
    }

    /// Rows of a moment, a few at a time as floats.
    private static func rows(_ rows: Range<Int>, of moment: SecondMoment) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rows.count * moment.width * MemoryLayout<Float>.stride)
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: 64) {
            bytes += try ElementConversion.bytes(moment.mean(rows: start..<min(start + 64, rows.upperBound)), as: .f32)
        }
        return bytes
    }
}
