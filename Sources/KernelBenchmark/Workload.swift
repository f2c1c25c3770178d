internal import QAMFormat

/// A piece of work to be measured.
struct Workload {
    /// The name of the work in the report; its figures are filled in.
    let subject: Measurement
    /// Weights (for products: times vectors) and stored bytes per call.
    let weights: Int
    let bytes: Int
    /// Does the work of one call. `iteration` counts the calls, for work that moves through memory piece by piece.
    let work: (_ iteration: Int) throws -> Void

    /// The seconds of one call: repeats calls until `duration` is over.
    func secondsPerCall(duration: Duration, from iteration: inout Int) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var calls = 0
        repeat {
            try work(iteration)
            iteration += 1
            calls += 1
        } while clock.now - start < duration
        return (clock.now - start) / .seconds(1) / Double(calls)
    }
}

extension [Workload] {
    /// Measures all workloads in interleaved rounds, so that a short disturbance does not affect a single one. Returns medians of the
    /// rounds.
    ///
    /// - Parameters:
    ///   - progress: called before each measurement with the number done and the next one; an error that it throws ends the run.
    func measured(
        rounds: Int, duration: Duration, progress: (_ done: Int, _ total: Int, _ next: Measurement) throws -> Void
    ) throws -> [Measurement] {
        var seconds = [[Double]](repeating: [], count: count)
        // Not counted: the first access to memory and code.
        var turns = try map { workload in
            try workload.work(0)
            return 1
        }
        for round in 0..<rounds {
            for (index, workload) in enumerated() {
                try progress(round * count + index, rounds * count, workload.subject)
                seconds[index].append(try workload.secondsPerCall(duration: duration, from: &turns[index]))
            }
        }
        let all = zip(self, seconds).map { workload, seconds in
            var result = workload.subject
            let median = seconds.sorted()[seconds.count / 2]
            result.weightsPerSecond = Double(workload.weights) / median
            result.bytesPerSecond = Double(workload.bytes) / median
            return result
        }
        return all.map { $0.besideMemory(all) }
    }
}
