import CFloatKernelChecks
import CQAMKernels.Floats
import Testing

/// The floating-point kernels of every instruction set that this machine has, against the scalar truth and plain definitions.
@Suite struct FloatKernelTests {
    struct InstructionSet: Sendable, CustomTestStringConvertible {
        let isa: instruction_set
        let testDescription: String

        static let present = [
            Self(isa: ISA_SCALAR, testDescription: "scalar"), Self(isa: ISA_AVX2, testDescription: "AVX2"),
            Self(isa: ISA_AVX512, testDescription: "AVX-512"),
        ].filter { unsafe fk_functions_for($0.isa) != nil }
    }

    struct Check: Sendable, CustomTestStringConvertible {
        let index: Int
        static let all = (0..<fk_check_count()).map(Self.init)
        var testDescription: String { unsafe String(cString: fk_check_name(index)) }
    }

    @Test(arguments: InstructionSet.present, Check.all)
    func givesTheTruthsBits(_ set: InstructionSet, _ check: Check) {
        let message = unsafe fk_check_run(check.index, set.isa).map { unsafe String(cString: $0) }
        #expect(message == nil)
    }

    @Test func theTruthIsThere() {
        let present = InstructionSet.present.map(\.isa)
        #expect(present.contains(ISA_SCALAR))
        #expect(present.contains(unsafe fk_functions_chosen().pointee.isa))
        #expect(Check.all.count == 10)
    }
}
