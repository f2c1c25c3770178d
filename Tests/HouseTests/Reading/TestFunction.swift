/// A function in the tests, with its body.
struct TestFunction {
    let file: SourceFile
    let declaration: Declaration
    /// Whether Swift Testing runs it.
    let isTest: Bool
    /// The tokens between its braces.
    let body: ArraySlice<Token>

    var name: String { declaration.name }
    var place: String { "\(file.place(file.tokens[declaration.token])) \(name)" }

    /// The functions of a file that have a body.
    static func all(in file: SourceFile) -> [TestFunction] {
        file.declarations.filter { $0.kind == .function }.compactMap { declaration in
            guard let body = body(behind: declaration.token, in: file.tokens) else { return nil }
            let attributes = file.tokens[max(0, declaration.first)..<declaration.token]
            let isTest = zip(attributes, attributes.dropFirst()).contains { $0.text == "@" && $1.text == "Test" }
            return TestFunction(file: file, declaration: declaration, isTest: isTest, body: body)
        }
    }

    private static func body(behind start: Int, in tokens: [Token]) -> ArraySlice<Token>? {
        var depth = 0, at = start + 1
        while at < tokens.count, depth > 0 || tokens[at].text != "{" {
            if tokens[at].kind == .sign, "([{".contains(tokens[at].text) { depth += 1 }
            if tokens[at].kind == .sign, ")]}".contains(tokens[at].text) { depth -= 1 }
            // A protocol requirement has no body.
            if depth < 0 || tokens[at].text == "func" { return nil }
            at += 1
        }
        return at < tokens.count ? tokens[at + 1..<closing(at, in: tokens)] : nil
    }

    /// The index of the brace that closes the one at `open`.
    static func closing(_ open: Int, in tokens: [Token]) -> Int {
        var depth = 0, at = open
        repeat {
            if tokens[at].kind == .sign, tokens[at].text == "{" { depth += 1 }
            if tokens[at].kind == .sign, tokens[at].text == "}" { depth -= 1 }
            at += 1
        } while depth > 0 && at < tokens.count
        return at - 1
    }

    /// The token indices of the body's assertions.
    var assertions: [Int] {
        body.indices.filter { i in
            let word = file.tokens[i].text, previous = file.tokens[i - 1].text
            return previous == "#" && ["expect", "require"].contains(word) || previous == "." && word == "record" && file.tokens[i - 2].text == "Issue"
                || word == "confirmation"
        }
    }

    /// The index of the brace that opens the block around a token of the body.
    func opening(before index: Int) -> Int? {
        var depth = 0
        for i in stride(from: index - 1, through: body.startIndex - 1, by: -1) where file.tokens[i].kind == .sign {
            if file.tokens[i].text == "}" { depth += 1 }
            if file.tokens[i].text == "{" {
                if depth == 0 { return i }
                depth -= 1
            }
        }
        return nil
    }

    /// The functions that the body calls, by name.
    var calls: Set<String> {
        Set(body.indices.filter { file.tokens[$0].kind == .word && file.tokens[$0 + 1].text == "(" }.map { file.tokens[$0].text })
    }
}
