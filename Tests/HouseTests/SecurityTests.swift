import Testing

/// SECURITY.md names the tests that cover each promise.
@Suite struct SecurityTests {
    @Test func theTestsThatItNamesAreThere() throws {
        let text = try SourceTree.text("SECURITY.md")
        let tests = SourceTree.tests.flatMap { TestFunction.all(in: $0) }.filter(\.isTest)
        let named = text.matches(of: /`(\w+Tests)\.(\w+)`/).map { (suite: String($0.1), name: String($0.2)) }
        #expect(named.count > 30)
        for (suite, name) in named {
            #expect(tests.contains { $0.name == name && $0.file.path.hasSuffix("\(suite).swift") }, "\(suite).\(name)")
        }
    }
}
