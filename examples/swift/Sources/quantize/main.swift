// Quantizes a made-up model.
//
//     swift run quantize OUTPUT.qamw [BITS]

import Foundation
import QAMFormat
import Quantization

/// A model with two matrices and a norm, whose weights are computed when they are read.
struct MadeUpModel: TensorSource {
    let tensors = [
        TensorDescriptor(name: "blocks.0.up.weight", shape: [96, 128], storage: .raw(.f32)),
        TensorDescriptor(name: "blocks.0.down.weight", shape: [64, 128], storage: .raw(.f32)),
        TensorDescriptor(name: "blocks.0.norm.weight", shape: [128], storage: .raw(.f32)),
    ]
    var metadata: Metadata {
        var metadata = Metadata()
        metadata.set("general.name", .string("made up"))
        return metadata
    }
    /// No input files.
    var inputs: [String] { [] }
    var fingerprint: String { "made up, 1" }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        // Units of raw tensors are bytes; ranges begin and end at whole elements.
        let weights = (units.lowerBound / 4..<units.upperBound / 4).map { Float(($0 * 7919 + tensor * 104729) % 2003) / 2003 - 0.5 }
        return TensorChunk(streams: [try ElementConversion.bytes(weights, as: .f32)])
    }
}

/// Exits with a message.
func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    exit(1)
}

func quantize(to path: String, bits: Double) async throws {
    var options = Quantizer.Options()
    options.rate = .bits(bits)
    options.inclusions = ["down=6.5"]
    let plan = try await Quantizer(options).plan(for: MadeUpModel())
    for decision in plan.decisions {
        switch decision.outcome {
        case .coded(let bits, _): print("\(decision.name): \(bits) bits")
        case .left(let reason): print("\(decision.name): left, \(reason)")
        }
    }
    for warning in plan.warnings { print("warning: \(warning)") }
    let writer = QAMWriter(path: path, replacing: true)
    let report = try await transfer(from: try await plan.codedSource(), to: writer, threads: options.threads) { progress in
        // Shows progress; an error thrown here cancels the work, and no output is left.
        print("\(progress.doneBytes) of \(progress.totalBytes) bytes")
    }
    print("\(report.bytes) bytes, NMSE \(report.totalDistortion?.normalized ?? 0)")
}

let arguments = CommandLine.arguments
guard arguments.count == 2 || arguments.count == 3, let bits = arguments.count == 3 ? Double(arguments[2]) : 4.5 else {
    fail("usage: quantize OUTPUT.qamw [BITS]")
}
do {
    try await quantize(to: arguments[1], bits: bits)
} catch let error as QAMError {
    fail("quantize: \(error)")
}
