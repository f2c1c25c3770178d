import Inference
import QAMFormat
import Testing

/// The text in the program: the one that scripts/make-calibration-text makes, clean, and a mixture from its beginning.
@Suite struct CalibrationTextTests {
    @Test func textIsTheCommittedOne() throws {
        let bytes = try CalibrationText.bytes()
        #expect(bytes.count == CalibrationText.length)
        #expect((500_000...1_000_000).contains(bytes.count))
        #expect(XXH3.hash(bytes) == 0x2a57449a467d87b)
    }

    @Test func textIsCleanUTF8() throws {
        let text = try #require(String(validating: CalibrationText.bytes(), as: UTF8.self))
        let unwanted: Set<Unicode.GeneralCategory> = [.control, .privateUse, .unassigned, .surrogate]
        let strange = text.unicodeScalars.filter { unwanted.contains($0.properties.generalCategory) && $0 != "\n" && $0 != "\t" }
        #expect(strange.isEmpty, "\(Set(strange))")
        #expect(!text.contains("\n\n\n\n"))
        #expect(!text.contains(" \n"))
    }

    @Test(arguments: [
        " the ", " und ", " les ", " los ", " della ", " não ", " się ", " bir ",
        "    def ", "size_t ", "public class ", "func ", "fn ", "function(", "</div>",
        "\\frac", ".. math::", "\n>>> ", "\nQ: ", "\nA: ", "\nUser: ", "\nAssistant: ",
    ])
    func everyKindIsPresent(mark: String) throws {
        #expect(String(decoding: try CalibrationText.bytes(), as: UTF8.self).contains(mark))
    }

    /// In one of so many parts of the text: characters of each script, English words, code, formulas and dialogues.
    @Test(arguments: [1, 4])
    func aPrefixIsAMixture(parts: Int) throws {
        let bytes = try CalibrationText.bytes()
        let text = String(decoding: bytes.prefix(bytes.count / parts), as: UTF8.self)
        let scripts: [ClosedRange<Unicode.Scalar>] = [
            "\u{370}"..."\u{3FF}", "\u{400}"..."\u{4FF}", "\u{600}"..."\u{6FF}", "\u{900}"..."\u{97F}", "\u{3040}"..."\u{30FF}",
            "\u{4E00}"..."\u{9FFF}", "\u{AC00}"..."\u{D7AF}",
        ]
        for script in scripts {
            let count = text.unicodeScalars.count { script.contains($0) }
            #expect(count > text.unicodeScalars.count / 1000, "\(script)")
        }
        for mark in [" the ", "    def ", "function", "\\frac", "\nQ: ", "\nUser: "] { #expect(text.contains(mark), "\(mark)") }
    }
}
