import QAMFormat
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 8])
    func everyPieceIsDoneOnce(width: Int) throws {
        let pool = try WorkerPool(width: width)
        for (count, grain) in [(0, 1), (1, 1), (7, 3), (64, 64), (1000, 7)] {
            let hits = Mutex([Int](repeating: 0, count: count))
            pool.forEach(0..<count, grain: grain) { range in
                hits.withLock { for i in range { $0[i] += 1 } }
            }
            #expect(hits.withLock { $0 } == Array(repeating: 1, count: count))
        }
    }

    @Test func runsFollowEachOtherFastAndSlow() throws {
        let pool = try WorkerPool(width: 4)
        let sum = Atomic(0)
        for run in 0..<3_000 {
            pool.forEach(0..<16, grain: 1) { range in sum.add(range.lowerBound, ordering: .relaxed) }
            // Long enough for the threads to fall asleep.
            if run % 1_000 == 999 { try waitAMoment() }
        }
        #expect(sum.load(ordering: .relaxed) == 3_000 * 120)
    }

    @Test func manyThreadsMayUseAPool() async throws {
        let pool = try WorkerPool(width: 3)
        let sum = Sum()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 { pool.forEach(1..<11, grain: 1) { sum.value.add($0.lowerBound, ordering: .relaxed) } }
                }
            }
        }
        #expect(sum.value.load(ordering: .relaxed) == 4 * 200 * 55)
    }

    private final class Sum: Sendable {
        let value = Atomic(0)
    }

    private func waitAMoment() throws {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .milliseconds(5) {}
    }
}
