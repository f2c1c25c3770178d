import CFloatKernelChecks
import QAMFormat
import Testing

/// The floating-point kernels for every feature set of this machine, against the scalar reference and the definitions.
@Suite struct FloatKernelTests {
    struct Check: Sendable, CustomTestStringConvertible {
        let index: Int
        static let all = (0..<fk_check_count()).map(Self.init)
        var testDescription: String { unsafe String(cString: fk_check_name(index)) }
    }

    @Test(arguments: Kernels.InstructionSet.present, Check.all)
    func givesTheTruthsBits(_ set: Kernels.InstructionSet, _ check: Check) {
        let message = unsafe fk_check_run(check.index, set.features).map { unsafe String(cString: $0) }
        #expect(message == nil)
    }

    @Test func everyCheckIsThere() {
        #expect(Check.all.count == 10)
    }
}
