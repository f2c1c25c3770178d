package import QAMFormat
internal import Quantization

/// Measures this machine's kernels and its memory bandwidth.
///
/// All measurements of a run are interleaved in rounds and reported as medians: on a busy machine, compare figures within a run only.
package struct KernelBenchmark: Sendable {
    package typealias Progress = (_ done: Int, _ total: Int, _ next: Measurement) throws -> Void

    /// The thread counts measured: 1, and the requested number.
    private let pools: [WorkerPool]
    private let rounds: Int
    private let duration: Duration

    /// - Parameter duration: the minimum duration of each measurement.
    /// - Throws: `io` if threads cannot be created.
    package init(threads: Int, rounds: Int = 5, duration: Duration = .milliseconds(12)) throws {
        self.rounds = rounds
        self.duration = duration
        pools = try Set([1, threads]).sorted().map { try WorkerPool(width: $0) }
    }

    /// All codes at all rates on random weights in a mapped file: on all threads with the best feature set, on one with the others. Takes
    /// about half a minute.
    ///
    /// - Parameters:
    ///   - folder: for a temporary file of 256 MiB.
    ///   - progress: called before each measurement; an error that it throws ends the run.
    /// - Throws: `cannotCreate` or `io` for the temporary file.
    package func run(in folder: String, progress: Progress) throws -> [Measurement] {
        let suite = try Suite(in: folder)
        let coders = try CodecRegistry.families.flatMap { try $0.codes.reversed().map { try Coders.coder($0) } }
        var workloads = pools.map { suite.read(.chosen, $0) }
        for kernels in Self.available {
            let pools = kernels.instructionSet == Kernels.chosen.instructionSet ? pools : [pools[0]]
            for pool in pools { workloads += try coders.flatMap { try suite.workloads($0, kernels, pool) } }
            workloads.append(try suite.prepare(coders[0], kernels))
        }
        return try workloads.measured(rounds: rounds, duration: duration, progress: progress)
    }

    /// The matrices of a model, from its mapped file. Throws `invalidArgument` if none is coded, errors from reading, and those of
    /// `run(in:progress:)`.
    package func run(_ reader: QAMReader, in folder: String, progress: Progress) throws -> [Measurement] {
        let model = try ModelSuite(reader), suite = try Suite(in: folder)
        let workloads = try pools.map { suite.read(.chosen, $0) } + pools.flatMap { try model.workloads(.chosen, $0) }
        return try workloads.measured(rounds: rounds, duration: duration, progress: progress)
    }

    /// The kernels for the chosen feature set, and for the smaller ones that most machines have.
    private static var available: [Kernels] {
        let chosen = Kernels.chosen.instructionSet
        let smaller = Kernels.InstructionSet.all.reversed().filter { set in
            set != chosen && set.isSubset(of: chosen) && ["scalar", "avx2"].contains(set.name)
        }
        return [.chosen] + smaller.compactMap { Kernels($0) }
    }
}
