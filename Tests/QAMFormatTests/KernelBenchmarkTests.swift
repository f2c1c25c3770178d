import Foundation
import KernelBenchmark
import QAMFormat
import Testing

@Suite struct KernelBenchmarkTests {
    /// One call of each workload: every kernel, code and instruction set of this machine is present exactly once.
    @Test func everyKernelIsMeasured() throws {
        var reported = 0
        let results = try KernelBenchmark(threads: 2, rounds: 1, duration: .zero).run(in: FileManager.default.temporaryDirectory.path) { done, total, _ in
            #expect(done < total)
            reported += 1
        }
        #expect(reported == results.count)
        #expect(results.allSatisfy { $0.bytesPerSecond > 0 })

        let chosen = Kernels.chosen.instructionSet
        let sets = Kernels.InstructionSet.present.filter { $0 == chosen || (["scalar", "avx2"].contains($0.name) && $0.isSubset(of: chosen)) }
        #expect(Set(results.map(\.instructionSet)) == Set(sets.map(\.name)))
        for kernel in [Measurement.Kernel.multiply, .multiplyBatch, .dequantize, .encode] {
            let own = results.filter { $0.kernel == kernel }
            let keys = Set(own.map { "\($0.codebook ?? "") \($0.bits ?? 0) \($0.instructionSet) \($0.threads)" })
            // All codes: on one thread with each instruction set, on two threads with the selected one.
            let codes = CodecRegistry.families.reduce(0) { $0 + $1.codes.count }
            #expect(keys.count == own.count && own.count == codes * (sets.count + 1))
        }
    }

    @Test func theRunEndsWhereItsProgressThrows() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            _ = try KernelBenchmark(threads: 1, rounds: 1, duration: .zero).run(in: FileManager.default.temporaryDirectory.path) { done, _, _ in
                if done == 1 { throw Stop() }
            }
        }
    }
}
