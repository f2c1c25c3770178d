import CKernelChecks
import CQAMKernels.Pairs
import QAMFormat
import Testing

/// The kernels for every feature set of this machine, against the scalar reference and against plain computations.
@Suite struct KernelEqualityTests {
    struct Check: Sendable, CustomTestStringConvertible {
        let index: Int

        static let all = (0..<qam_check_count()).map(Self.init)

        var testDescription: String { unsafe String(cString: qam_check_name(index)) }

        func run(_ features: UInt32, seed: UInt64) -> String? {
            unsafe qam_check_run(index, features, seed).map { unsafe String(cString: $0) }
        }
    }

    @Test(arguments: Kernels.InstructionSet.present, Check.all)
    func givesTheTruthsBits(_ set: Kernels.InstructionSet, _ check: Check) {
        #expect(check.run(set.features, seed: 1) == nil)
    }

    @Test func theTruthIsThere() {
        let present = Kernels.InstructionSet.present
        #expect(present.first?.name == "scalar" && present.first?.features == 0)
        #expect(present.contains(Kernels.chosen.instructionSet))
        #expect(Check.all.count > 18)
    }

    /// Every name that QAMW_ISA accepts is present once, and a superset comes after its subsets within an architecture.
    @Test func setsAreInOrder() {
        let all = Kernels.InstructionSet.all
        #expect(all.map(\.name) == ["scalar", "avx2", "avx512-base", "avx512", "neon-base", "neon-dotprod", "neon"])
        for (i, set) in all.enumerated() {
            #expect(all[(i + 1)...].allSatisfy { !$0.isSubset(of: set) })
        }
    }

    /// The mean relative errors of products over 4,096 columns, for a few random inputs.
    private func errors(_ set: Kernels.InstructionSet, _ family: qam_family, _ rate: UInt32, outliers: UInt32) -> (rotated: Double, plain: Double) {
        let draws = 4
        var sum = (rotated: 0.0, plain: 0.0)
        for seed in 0..<draws {
            let errors = qam_measure_product_errors(set.features, family, rate, 4096, outliers, UInt64(seed))
            sum.rotated += errors.rotated / Double(draws)
            sum.plain += errors.plain / Double(draws)
        }
        return sum
    }

    /// int8 activations add less than 0.8 percent to the error of a product. Thanks to the rotation this also holds if 1 percent
    /// of the channels are 20 times as large as the others; without it they add 2 to 3 percent.
    @Test(arguments: Kernels.InstructionSet.present, [8, 3, 11])
    func productsOfRoundedActivationsAreClose(_ set: Kernels.InstructionSet, _ rate: UInt32) {
        let family = rate == 11 ? QAM_FREE : QAM_OCTANT
        let even = errors(set, family, rate, outliers: 0)
        #expect(even.rotated < 0.008)
        let uneven = errors(set, family, rate, outliers: 10)
        #expect(uneven.rotated < 0.008)
        #expect(uneven.plain > 3 * uneven.rotated)
    }
}
