import Testing

/// Every test must be able to fail.
@Suite struct AssertionTests {
    private static let functions = SourceTree.tests.flatMap { TestFunction.all(in: $0) }
    private static let tests = functions.filter(\.isTest)

    @Test func everyTestSaysWhatMustHold() {
        #expect(Self.tests.count > 500)
        for test in Self.tests {
            let helpers = test.calls.intersection(House.assertingHelpers).filter { name in
                Self.functions.contains { $0.name == name && $0.file.target == test.file.target && !$0.assertions.isEmpty }
            }
            #expect(!test.assertions.isEmpty || !helpers.isEmpty, "\(test.place) expects nothing")
        }
        let silent = Self.tests.filter(\.assertions.isEmpty)
        for helper in House.assertingHelpers {
            #expect(silent.contains { $0.calls.contains(helper) }, "no test needs \(helper) for its expectations: strike it from the list")
        }
    }

    /// A failed precondition must fail the test (`#require`), not end it early; a requirement on the machine is a trait.
    @Test func noTestEndsInSilence() {
        for test in Self.tests {
            let tokens = test.file.tokens
            for i in test.body.indices where tokens[i].text == "return" && tokens[i].kind == .word {
                let isVoid = tokens[i + 1].text == "}" || tokens[i + 1].line != tokens[i].line
                guard isVoid, let open = test.opening(before: i) else { continue }
                #expect(test.assertions.contains { $0 > open && $0 < i }, "\(test.file.place(tokens[i])): \(test.name) returns without a word")
            }
        }
    }

    @Test func nothingIsAlwaysTrue() {
        for file in SourceTree.tests where file.target != "HouseTests" {
            let text = file.tokens.map(\.text).joined(separator: " ")
            for always in ["| | true", "expect ( true )", "expect ( Bool ( true ) )", "& & false )", "require ( true )"] {
                #expect(!text.contains(always), "\(file.target)/\(file.path): \(always)")
            }
        }
    }

    /// A test that catches an error must check it or count it.
    @Test func nothingIsSwallowed() {
        for file in SourceTree.tests {
            let tokens = file.tokens
            for i in tokens.indices where tokens[i].text == "catch" && tokens[i].kind == .word {
                let open = tokens[i...].firstIndex { $0.text == "{" } ?? i
                #expect(open + 1 < tokens.count && tokens[open + 1].text != "}", "\(file.place(tokens[i])) swallows an error")
            }
        }
    }
}
