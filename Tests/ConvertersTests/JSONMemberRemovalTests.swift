import Architectures
import QAMFormat
import Testing

@Suite struct JSONMemberRemovalTests {
    @Test(arguments: [
        (#"{"x": 1}"#, "{}"), (#"{"x": 1, "a": 2}"#, #"{"a": 2}"#), (#"{"a": 2, "x": {"x": [1, {"x": 2}]}}"#, #"{"a": 2}"#),
        (#"{"a": 1, "x": 2, "b": 3}"#, #"{"a": 1, "b": 3}"#), (#"{"x": 1, "x2": 0, "y": {"x": 1}}"#, #"{"x2": 0, "y": {}}"#),
        ("{\n  \"x\": 1,\n  \"a\": NaN\n}\n", "{\n  \"a\": NaN\n}\n"), ("{\n  \"a\": 1.50,\n  \"x\": 1\n}", "{\n  \"a\": 1.50\n}"),
        (#"{"a": [{"x": 1}], "x": null}"#, #"{"a": [{"x": 1}]}"#), (#"[{"x": 1}]"#, #"[{"x": 1}]"#), ("3", "3"), (#"{"a" : "x" , "x" : ","}"#, #"{"a" : "x"}"#),
    ])
    func theRestIsKept(_ before: String, _ after: String) throws {
        let found = try JSONMemberRemoval.removing(from: Array(before.utf8)) { $0.last == "x" }
        #expect(String(decoding: found, as: UTF8.self) == after)
    }

    @Test func severalAtTheStart() throws {
        let found = try JSONMemberRemoval.removing(from: Array(#"{"x": 1, "y": {"z": 1}, "a": 1, "z": 2}"#.utf8)) { ["x", "y", "z"].contains($0.last) }
        #expect(String(decoding: found, as: UTF8.self) == #"{"a": 1}"#)
    }

    @Test func damagedTextIsRefused() {
        #expect(throws: QAMError.self) { try JSONMemberRemoval.removing(from: Array(#"{"x": 1"#.utf8)) { _ in true } }
    }
}
