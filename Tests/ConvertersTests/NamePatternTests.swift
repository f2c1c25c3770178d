import Architectures
import Converters
import QAMFormat
import Testing

/// Regular expressions for names: common syntax is supported, and matching time is bounded.
@Suite struct NamePatternTests {
    private static let down = "model.layers.10.mlp.down_proj.weight"

    @Test(arguments: [
        (#"down_proj"#, down, true), (#"layers\.(0|1)\."#, down, false), (#"layers\.(?:0|1)+\."#, down, true), (#"layers\.\d+\."#, down, true),
        (#"^model"#, down, true), (#"^layers"#, down, false), (#"weight$"#, down, true), (#"mlp$"#, down, false), (#"\Amodel.*weight\z"#, down, true),
        (#"layers\.[0-9]{2}\."#, down, true), (#"layers\.[0-9]{3,}\."#, down, false), (#"layers\.\d{1,3}\."#, down, true), (#"l.{0,2}ers"#, down, true),
        (#"[^a-z._0-9]"#, down, false), (#"[^a-z._]"#, down, true), (#"[\d]0"#, down, true), (#"[_.-]w"#, down, true), (#"[a-]x|[]p]roj"#, down, true),
        (#"\bmlp\b"#, down, true), (#"\blp"#, down, false), (#"\Blp\b"#, down, true), (#"\w+_\w+"#, down, true), (#"\s|\W\W"#, down, false),
        (#"\S\D"#, down, true),
        (#"(q|k|v)_proj|(gate|down)_proj"#, down, true), (#"x*"#, down, true), (#""#, "", true), (#"^$"#, "", true), (#"a|"#, "b", true),
        (#"a??b"#, "ab", true),
        (#"(?i)MLP\.DOWN"#, down, true), (#"MLP"#, down, false), (#"(?i)[^m]LP"#, down, false), (#"\{x\}"#, "{x}", true), (#"}"#, "}", true),
        (#"ü+\."#, "üü.", true),
        (#"(a{2}){2}$"#, "aaa", false), (#"(a{2}){2}$"#, "aaaa", true), (#"^(a|ab)(c|bcd)$"#, "abcd", true), (#"a.c"#, "a\nc", false), (#"a\tb"#, "a\tb", true),
        (#"((a*)*)*b"#, "aab", true), (#"()*x"#, "x", true), (#"(|a){3}b"#, "b", true), (#"^a{0}b"#, "b", true),
    ])
    func patternsMatch(_ pattern: String, _ name: String, _ matches: Bool) throws {
        #expect(try NamePattern(pattern).matches(name) == matches)
    }

    /// Syntax of other dialects must be refused, not misinterpreted.
    @Test(arguments: [
        "(", ")", "a)", "[", "[a", "[]", "[z-a]", #"[a-\d]"#, "[[:digit:]]", "*", "+a", "a**", "a*+", "a++", "a{2}{3}", "a{,3}", "a{", "a{x}", "a{3,2}", "^*",
        #"\b+"#,
        #"\1"#, #"(a)\1"#, "(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", "(?P<n>a)", "(?i:a)", "a(?i)b", #"\p{L}"#, #"\Q"#, #"a\"#, "a{1001}",
        "((a{1000}){1000}){1000}",
        "((){0,1000}){0,1000}", String(repeating: "(", count: 200) + String(repeating: ")", count: 200),
    ])
    func otherDialectsAreRefused(_ pattern: String) {
        #expect { try NamePattern(pattern) } throws: { error in
            (error as? QAMError)?.code == .invalidArgument && (error as? QAMError)?.message.contains("regular expression") == true
        }
    }

    /// Patterns with exponential time in a backtracking matcher.
    @Test(.timeLimit(.minutes(5)), arguments: [#"(a+)+$"#, #"^(a|a)*$"#, #"^(a*)*$"#, #"(\w+\s?)+$"#, #"(.*)(.*)(.*)(.*)x"#, #"(a?){500}a{500}$"#])
    func noneRunsAway(_ pattern: String) throws {
        #expect(try !NamePattern(pattern).matches(String(repeating: "a", count: 2000) + "!"))
    }
}
