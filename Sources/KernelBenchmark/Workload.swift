internal import QAMFormat

/// A piece of work whose speed is measured: what it is, and how to do some of it.
struct Workload {
    /// What the work is called in the report; its figures are filled in.
    let subject: Measurement
    /// Weights (of products: times vectors) and stored bytes that one call works on.
    let weights: Int
    let bytes: Int
    /// Does the work of one call. `turn` counts the calls, for those that go through memory piece by piece.
    let work: (_ turn: Int) throws -> Void

    /// The seconds of one call: calls until `duration` is over.
    func secondsPerCall(duration: Duration, from turn: inout Int) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var calls = 0
        repeat {
            try work(turn)
            turn += 1
            calls += 1
        } while clock.now - start < duration
        return (clock.now - start) / .seconds(1) / Double(calls)
    }
}

extension [Workload] {
    /// Measures all in rounds, one after the other in each, so that a machine that is busy for a moment harms no single one.
    /// Medians of the rounds.
    ///
    /// - Parameters:
    ///   - progress: told before each single measurement how many are done, and what comes; what it throws ends the run.
    func measured(
        rounds: Int, duration: Duration, progress: (_ done: Int, _ total: Int, _ next: Measurement) throws -> Void
    ) throws -> [Measurement] {
        var seconds = [[Double]](repeating: [], count: count)
        // Not counted: the first touch of memory and code.
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
